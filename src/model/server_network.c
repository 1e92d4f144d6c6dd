/*
 * server_network.c: networks in memory contexts; what fails raises.
 */
#include "postgres.h"

#include "common/check.h"
#include "common/host.h"
#include "model/server_network.h"
#include "network/network.h"

Network *
server_network(const NetworkDefinition *definition)
{
	Status		status;
	Network    *network = network_create(definition, host_server(), &status);

	if (network == NULL)
		check_raise_status(&status);
	return network;
}

NetworkWorkspace *
server_workspace(const Network *network, int samples, bool training, const real *packed)
{
	Status		status;
	NetworkWorkspace *workspace = network_workspace_create(network, samples, training, host_server(), &status);

	if (workspace == NULL)
		check_raise_status(&status);
	network_workspace_use(workspace, packed);
	return workspace;
}

real *
server_reals(size_t count)
{
	Status		status;
	real	   *reals = host_allocate(host_server(), Max(count, 1), sizeof(real), &status);

	if (reals == NULL)
		check_raise_status(&status);
	return reals;
}

NetworkWorkspace **
server_workspaces(const Network *network, const real *weights, const real *packed, int threads, int samples)
{
	NetworkWorkspace **workspace = palloc(sizeof(NetworkWorkspace *) * threads);

	if (packed == NULL)
	{
		real	   *own = server_reals(network_packed_count(network));

		network_pack(network, weights, own);
		packed = own;
	}
	for (int i = 0; i < threads; i++)
		workspace[i] = server_workspace(network, samples, false, packed);
	return workspace;
}
