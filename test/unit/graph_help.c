/*
 * graph_help.c: see graph_help.h.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "graph_help.h"

typedef struct Dice
{
	uint32_t	state;
} Dice;

static int
draw(Dice *dice, int sides)
{
	dice->state = dice->state * 1664525u + 1013904223u;
	return (int) ((dice->state >> 8) % (uint32_t) sides);
}

static GraphNode
shape_of(const Graph *graph, int i)
{
	if (i >= 0)
		return graph->node[i];
	return (GraphNode) {.height = graph->height, .width = graph->width, .channels = graph->channels};
}

static void
put(Graph *graph, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
put(Graph *graph, const char *format, ...)
{
	size_t		length = strlen(graph->layers);
	va_list		arguments;

	va_start(arguments, format);
	vsnprintf(graph->layers + length, sizeof(graph->layers) - length, format, arguments);
	va_end(arguments);
}

/* By number or, of every third layer, by name. */
static void
put_reference(Graph *graph, int read)
{
	if (read >= 0 && read % 3 == 0)
		put(graph, "'n%d'", read);
	else
		put(graph, "%d", read + 1);
}

static void
append(Graph *graph, const GraphNode *node)
{
	int			i = graph->count++;

	graph->node[i] = *node;
	put(graph, "%s{'type':'%s'", i > 0 ? "," : "", node->type);
	if (i % 3 == 0)
		put(graph, ",'name':'n%d'", i);
	if (strcmp(node->type, "conv") == 0)
		put(graph, ",'maps':%d,'kernel':%d,'stride':%d,'padding':%d", node->maps, node->kernel, node->stride, node->kernel / 2);
	if (strcmp(node->type, "dense") == 0)
		put(graph, ",'units':%d", node->maps);
	if (node->input != i - 1)
	{
		put(graph, ",'input':");
		put_reference(graph, node->input);
	}
	if (node->sources > 0)
		put(graph, ",'from':");
	if (node->sources > 1)
		put(graph, "[");
	for (int k = 0; k < node->sources; k++)
	{
		put(graph, "%s", k > 0 ? "," : "");
		put_reference(graph, node->source[k]);
	}
	put(graph, "%s}", node->sources > 1 ? "]" : "");
}

/* Whether add and multiply, or concat, take both. */
static bool
fits(const GraphNode *a, const GraphNode *b, bool concat)
{
	bool		same_places = a->height == b->height && a->width == b->width;

	if (concat)
		return same_places && a->channels + b->channels <= 12;
	return a->channels == b->channels && (same_places || a->height * a->width == 1 || b->height * b->width == 1);
}

/* What fits the input, from a random place on; false: nothing does. */
static bool
find_source(const Graph *graph, Dice *dice, const GraphNode *node, bool concat, int *source)
{
	int			start = draw(dice, graph->count + 1);

	for (int i = 0; i <= graph->count; i++)
	{
		GraphNode	other;

		*source = (start + i) % (graph->count + 1) - 1;
		other = shape_of(graph, *source);
		if (fits(node, &other, concat))
			return true;
	}
	return false;
}

static void
append_combining(Graph *graph, Dice *dice, GraphNode node, const char *type)
{
	bool		concat = strcmp(type, "concat") == 0;
	int			most = concat ? 1 + draw(dice, 3) : 1;

	node.type = type;
	for (int k = 0; k < most && find_source(graph, dice, &node, concat, &node.source[k]); k++)
	{
		GraphNode	other = shape_of(graph, node.source[k]);

		node.sources = k + 1;
		if (concat)
			node.channels += other.channels;
		else if (other.height * other.width > 1)
		{
			node.height = other.height;
			node.width = other.width;
		}
	}
	if (node.sources > 0)
		append(graph, &node);
}

static void
append_random(Graph *graph, Dice *dice)
{
	static const char *const types[] = {
		"conv", "conv", "batch_norm", "batch_norm", "relu", "relu", "relu", "prelu", "tanh", "sigmoid", "dropout", "flatten", "global_mean",
		"dense", "add", "add", "multiply", "multiply", "concat"
	};
	const char *type = types[draw(dice, (int) (sizeof(types) / sizeof(types[0])))];
	int			input = draw(dice, 3) > 0 ? graph->count - 1 : draw(dice, graph->count + 1) - 1;
	GraphNode	node = shape_of(graph, input);

	node.type = type;
	node.input = input;
	node.sources = 0;
	if (strcmp(type, "add") == 0 || strcmp(type, "multiply") == 0 || strcmp(type, "concat") == 0)
	{
		append_combining(graph, dice, node, type);
		return;
	}
	if (strcmp(type, "conv") == 0)
	{
		node.channels = node.maps = 1 + draw(dice, 4);
		node.kernel = 1 + 2 * draw(dice, 2);
		node.stride = 1 + (draw(dice, 4) == 0);
		node.height = (node.height - 1) / node.stride + 1;
		node.width = (node.width - 1) / node.stride + 1;
	}
	if (strcmp(type, "flatten") == 0)
		node.channels *= node.height * node.width;
	if (strcmp(type, "dense") == 0)
		node.channels = node.maps = 1 + draw(dice, 4);
	if (strcmp(type, "dense") == 0 || strcmp(type, "flatten") == 0 || strcmp(type, "global_mean") == 0)
		node.height = node.width = 1;
	append(graph, &node);
}

static bool
is_read(const Graph *graph, int i)
{
	for (int k = i + 1; k < graph->count; k++)
	{
		if (graph->node[k].input == i)
			return true;
		for (int s = 0; s < graph->node[k].sources; s++)
			if (graph->node[k].source[s] == i)
				return true;
	}
	return false;
}

static void
append_after(Graph *graph, const char *type, int input, int units, int source)
{
	GraphNode	node = {.type = type, .input = input, .height = 1, .width = 1};

	node.channels = node.maps = units;
	if (units == 0)
		node.channels = shape_of(graph, input).channels;
	if (source >= 0)
	{
		node.sources = 1;
		node.source[0] = source;
		node.channels += shape_of(graph, source).channels;
	}
	append(graph, &node);
}

void
help_random_graph(unsigned seed, int layers, Graph *graph)
{
	Dice		dice = {seed * 2654435761u + 12345u};
	int			last;

	*graph = (Graph) {.height = 5, .width = 6, .channels = seed % 2 == 0 ? 1 : 3};
	for (int i = 0; i < 10 * layers && graph->count < layers; i++)
		append_random(graph, &dice);
	/* the mean of each map that nobody reads, all of them concatenated */
	layers = graph->count;
	last = -1;
	for (int i = 0; i < layers; i++)
		if (!is_read(graph, i))
		{
			append_after(graph, "global_mean", i, 0, -1);
			if (last >= 0)
				append_after(graph, "concat", graph->count - 1, 0, last);
			last = graph->count - 1;
		}
	append_after(graph, "dense", last, 4, -1);
}
