/*
 * network_speed.c: images a second of the built-in networks, on one thread, by its processor time.
 *
 *	network_speed [preset [batch [seconds]]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host.h"
#include "network/network.h"
#include "presets.h"

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec + time.tv_nsec * 1e-9;
}

static void *
need(void *pointer, const Status *status)
{
	if (pointer == NULL)
	{
		fprintf(stderr, "%s\n", status->detail);
		exit(1);
	}
	return pointer;
}

static void
run(const char *name, const NetworkSetting *settings, int count, int batch, double seconds)
{
	Host	   *host = test_host();
	Status		status;
	NetworkDefinition *definition = need(network_define(settings, count, host, &status), &status);
	Network    *network = need(network_create(definition, host, &status), &status);
	size_t		weights_count = network_weight_count(network);
	int			values = network_input_values(network);
	int			dimensions = network_dimensions(network);
	real	   *weights = need(host_allocate(host, weights_count, sizeof(real), &status), &status);
	real	   *gradient = need(host_allocate_zero(host, weights_count, sizeof(real), &status), &status);
	real	   *input = need(host_allocate_zero(host, (size_t) values * batch, sizeof(real), &status), &status);
	real	   *embedding = need(host_allocate_zero(host, (size_t) dimensions * batch, sizeof(real), &status), &status);
	NetworkWorkspace *training = need(network_workspace_create(network, batch, true, host, &status), &status);
	NetworkWorkspace *inference = need(network_workspace_create(network, batch, false, host, &status), &status);
	const int	sizes[] = {1, batch};
	double		start;
	long		runs;
	char		line[128];

	for (int layer = 0; network_describe_layer(network, layer, line, sizeof(line)); layer++)
		printf("%s\n", line);
	network_initialize(network, 1, weights);
	for (size_t i = 0; i < (size_t) values * batch; i++)
		input[i] = (real) ((i * 2654435761u >> 8) % 256) / 255;
	printf("%s: %zu parameters, %zu MB for training %d\n", name, network_parameter_count(network),
		   network_workspace_bytes(network, batch, true) >> 20, batch);
	for (int i = 0; i < 2; i++)
	{
		network_forward(network, weights, inference, input, sizes[i], embedding, &status);
		for (start = now(), runs = 0; runs == 0 || now() - start < seconds; runs++)
			network_forward(network, weights, inference, input, sizes[i], embedding, &status);
		printf("  inference of %3d    %9.1f images/s\n", sizes[i], runs * sizes[i] / (now() - start));
	}
	for (start = now(), runs = 0; runs == 0 || now() - start < seconds; runs++)
	{
		network_forward_training(network, weights, training, input, batch, runs, embedding);
		network_backward(network, weights, training, input, embedding, gradient);
	}
	printf("  training of  %3d    %9.1f images/s\n", batch, runs * batch / (now() - start));
	network_workspace_destroy(inference);
	network_workspace_destroy(training);
	host_release(host, embedding);
	host_release(host, input);
	host_release(host, gradient);
	host_release(host, weights);
	network_destroy(network);
	host_release(host, definition);
}

int
main(int argc, char **argv)
{
	const struct
	{
		const char *name;
		const NetworkSetting *settings;
		int			count;
	}			presets[] = {
		{"compact", compact_settings, compact_setting_count},
		{"hollaender", hollaender_settings, hollaender_setting_count},
		{"signet", signet_settings, signet_setting_count},
		{"koch", koch_settings, koch_setting_count}
	};
	int			batch = argc > 2 ? atoi(argv[2]) : 128;
	double		seconds = argc > 3 ? atof(argv[3]) : 3;

	for (int i = 0; i < 4; i++)
	{
		if (argc < 2 || strcmp(argv[1], presets[i].name) == 0)
			run(presets[i].name, presets[i].settings, presets[i].count, batch, seconds);
	}
	return 0;
}
