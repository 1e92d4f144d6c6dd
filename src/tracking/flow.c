/*
 * flow.c: tracks of the least cost, as a flow (Zhang, Li, Nevatia 2008, "Global data association for multi-object tracking using
 * network flows").
 *
 * Each detection is two nodes, its beginning and its end, with an edge of the detection's cost between them; edges of links lead from
 * ends to later beginnings, those of entering from the source, those of leaving to the sink.  All capacities are one, so the
 * linear program has an integral optimum, and a unit of flow is a track.  Successive shortest paths find it: one track after the other,
 * each along the shortest path of the residual graph, until the next would cost something.  Since every edge leads forward in time, the
 * first path is found in the order of the detections; potentials keep the later ones' edges at zero or above (Suurballe 1974), for
 * Dijkstra's algorithm.
 *
 * The flow is told by one number a detection and direction: which detection is before it and which after it.
 */
#include <math.h>
#include <string.h>

#include "tracking/tracking.h"

#define SOURCE (-1)				/* "before" of a track's first detection */
#define SINK (-1)				/* "after" of its last one */
#define UNUSED (-2)				/* in no track */

typedef struct Flow
{
	const Host *host;
	const FlowProblem *problem;
	int		   *first_link;		/* [detections + 1]: of each one's links, which are sorted by where they begin */
	/* [detections] */
	int		   *before;
	int		   *after;
	/* [nodes]: beginning 2 i, end 2 i + 1, and the sink */
	double	   *potential;
	double	   *distance;
	int		   *from;			/* the node before it on the shortest path; -1: the source */
	bool	   *done;
	/* nodes that were reached, as a heap by distance */
	int		   *heap;
	int		   *place;			/* [nodes]: in the heap, -1: not in it */
	int			heap_count;
} Flow;

static int
node_count(const Flow *flow)
{
	return 2 * flow->problem->detections + 1;
}

static int
sink_of(const Flow *flow)
{
	return 2 * flow->problem->detections;
}

/* ---- the heap ------------------------------------------------------------------------------------------------------ */

static void
heap_put(Flow *flow, int node, int place)
{
	flow->heap[place] = node;
	flow->place[node] = place;
}

static void
heap_rise(Flow *flow, int node)
{
	int			place = flow->place[node];

	while (place > 0 && flow->distance[flow->heap[(place - 1) / 2]] > flow->distance[node])
	{
		heap_put(flow, flow->heap[(place - 1) / 2], place);
		place = (place - 1) / 2;
	}
	heap_put(flow, node, place);
}

static int
heap_take(Flow *flow)
{
	int			least = flow->heap[0];
	int			last = flow->heap[--flow->heap_count];
	int			place = 0;

	flow->place[least] = -1;
	if (flow->heap_count == 0)
		return least;
	for (;;)
	{
		int			child = 2 * place + 1;

		if (child + 1 < flow->heap_count && flow->distance[flow->heap[child + 1]] < flow->distance[flow->heap[child]])
			child++;
		if (child >= flow->heap_count || flow->distance[flow->heap[child]] >= flow->distance[last])
			break;
		heap_put(flow, flow->heap[child], place);
		place = child;
	}
	heap_put(flow, last, place);
	return least;
}

/* ---- shortest paths ------------------------------------------------------------------------------------------------ */

/* An edge of the residual graph; rounding may make its reduced cost a hair less than zero. */
static void
reach(Flow *flow, int from, int to, double cost)
{
	double		start = from < 0 ? 0 : flow->potential[from];
	double		reduced = cost + start - flow->potential[to];
	double		distance = (from < 0 ? 0 : flow->distance[from]) + (reduced > 0 ? reduced : 0);

	if (flow->done[to] || distance >= flow->distance[to])
		return;
	flow->distance[to] = distance;
	flow->from[to] = from;
	if (flow->place[to] < 0)
		heap_put(flow, to, flow->heap_count++);
	heap_rise(flow, to);
}

/* All edges of the residual graph that begin at a node. */
static void
leave_node(Flow *flow, int node)
{
	const FlowProblem *problem = flow->problem;
	int			i = node / 2;
	bool		used = flow->before[i] != UNUSED;

	if (node % 2 == 0)
	{
		if (!used)
			reach(flow, node, node + 1, problem->detection_cost[i]);
		else if (flow->before[i] != SOURCE)
		{
			/* back along the link that leads here */
			for (int link = flow->first_link[flow->before[i]]; link < flow->first_link[flow->before[i] + 1]; link++)
				if (problem->link[link].to == i)
					reach(flow, node, 2 * flow->before[i] + 1, -problem->link[link].cost);
		}
		return;
	}
	if (used)
		reach(flow, node, node - 1, -problem->detection_cost[i]);
	if (flow->after[i] != SINK)
		reach(flow, node, sink_of(flow), problem->leave_cost[i]);
	for (int link = flow->first_link[i]; link < flow->first_link[i + 1]; link++)
		if (flow->after[i] != problem->link[link].to)
			reach(flow, node, 2 * problem->link[link].to, problem->link[link].cost);
}

/* Potentials become distances from the source, in the graph without flow. */
static void
first_potentials(Flow *flow)
{
	const FlowProblem *problem = flow->problem;
	int			sink = sink_of(flow);

	for (int i = 0; i < problem->detections; i++)
		flow->potential[2 * i] = problem->enter_cost[i];
	flow->potential[sink] = INFINITY;
	for (int i = 0; i < problem->detections; i++)
	{
		double		end = flow->potential[2 * i] + problem->detection_cost[i];

		flow->potential[2 * i + 1] = end;
		flow->potential[sink] = fmin(flow->potential[sink], end + problem->leave_cost[i]);
		for (int link = flow->first_link[i]; link < flow->first_link[i + 1]; link++)
		{
			double	   *beginning = &flow->potential[2 * problem->link[link].to];

			*beginning = fmin(*beginning, end + problem->link[link].cost);
		}
	}
}

/* Shortest paths to the sink and to all that is nearer; their length becomes part of the potentials.  False: no path is left. */
static bool
find_path(Flow *flow)
{
	int			sink = sink_of(flow);

	for (int node = 0; node < node_count(flow); node++)
	{
		flow->distance[node] = INFINITY;
		flow->done[node] = false;
		flow->place[node] = -1;
	}
	flow->heap_count = 0;
	for (int i = 0; i < flow->problem->detections; i++)
		if (flow->before[i] != SOURCE)
			reach(flow, -1, 2 * i, flow->problem->enter_cost[i]);
	while (flow->heap_count > 0)
	{
		int			node = heap_take(flow);

		flow->done[node] = true;
		if (node == sink)
			break;
		leave_node(flow, node);
	}
	if (!flow->done[sink])
		return false;
	for (int node = 0; node < node_count(flow); node++)
		flow->potential[node] += fmin(flow->distance[node], flow->distance[sink]);
	return true;
}

/* One more track along the path; what went where the path leads back is undone. */
static void
add_track(Flow *flow)
{
	int			to = sink_of(flow);

	while (to >= 0)
	{
		int			from = flow->from[to];

		if (to == sink_of(flow))
			flow->after[from / 2] = SINK;
		else if (from < 0)
			flow->before[to / 2] = SOURCE;
		else if (from % 2 == 1 && to % 2 == 0 && from / 2 != to / 2)
		{
			flow->after[from / 2] = to / 2;
			flow->before[to / 2] = from / 2;
		}
		else if (from % 2 == 1 && from / 2 == to / 2)
		{
			/* back through the detection: it is in no track any more, its neighbours on the path get others */
			flow->before[to / 2] = UNUSED;
			flow->after[to / 2] = UNUSED;
		}
		to = from;
	}
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

static void
index_links(Flow *flow)
{
	const FlowProblem *problem = flow->problem;
	int			link = 0;

	for (int i = 0; i <= problem->detections; i++)
	{
		while (link < problem->links && problem->link[link].from < i)
			link++;
		flow->first_link[i] = link;
	}
}

/* Of the tracks as they are; in the order of the detections, so that it does not depend on how they were found. */
static double
total_cost(const Flow *flow)
{
	const FlowProblem *problem = flow->problem;
	double		cost = 0;

	for (int i = 0; i < problem->detections; i++)
	{
		if (flow->before[i] == UNUSED)
			continue;
		cost += problem->detection_cost[i];
		if (flow->before[i] == SOURCE)
			cost += problem->enter_cost[i];
		if (flow->after[i] == SINK)
			cost += problem->leave_cost[i];
		for (int link = flow->first_link[i]; link < flow->first_link[i + 1]; link++)
			if (problem->link[link].to == flow->after[i])
				cost += problem->link[link].cost;
	}
	return cost;
}

bool
flow_solve(const Host *host, const FlowProblem *problem, int *track, int *tracks, double *cost, Status *status)
{
	Flow		flow = {.host = host, .problem = problem};
	size_t		nodes = 2 * (size_t) problem->detections + 1;
	bool		done = false;

	flow.first_link = host_allocate(host, (size_t) problem->detections + 1, sizeof(int), status);
	flow.before = host_allocate(host, problem->detections, sizeof(int), status);
	flow.after = host_allocate(host, problem->detections, sizeof(int), status);
	flow.potential = host_allocate(host, nodes, sizeof(double), status);
	flow.distance = host_allocate(host, nodes, sizeof(double), status);
	flow.from = host_allocate(host, nodes, sizeof(int), status);
	flow.done = host_allocate(host, nodes, sizeof(bool), status);
	flow.heap = host_allocate(host, nodes, sizeof(int), status);
	flow.place = host_allocate(host, nodes, sizeof(int), status);
	if (flow.first_link != NULL && flow.before != NULL && flow.after != NULL && flow.potential != NULL && flow.distance != NULL &&
		flow.from != NULL && flow.done != NULL && flow.heap != NULL && flow.place != NULL)
	{
		for (int i = 0; i < problem->detections; i++)
			flow.before[i] = flow.after[i] = UNUSED;
		index_links(&flow);
		first_potentials(&flow);
		while ((done = !host_interrupted(host, status)) && find_path(&flow) && flow.potential[sink_of(&flow)] < 0)
			add_track(&flow);
		*tracks = 0;
		for (int i = 0; i < problem->detections && done; i++)
			track[i] = flow.before[i] == UNUSED ? -1 : flow.before[i] == SOURCE ? (*tracks)++ : track[flow.before[i]];
		*cost = total_cost(&flow);
	}
	host_release(host, flow.first_link);
	host_release(host, flow.before);
	host_release(host, flow.after);
	host_release(host, flow.potential);
	host_release(host, flow.distance);
	host_release(host, flow.from);
	host_release(host, flow.done);
	host_release(host, flow.heap);
	host_release(host, flow.place);
	return done;
}
