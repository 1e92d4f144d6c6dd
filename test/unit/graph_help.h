/*
 * graph_help.h: random graphs of layers, for the tests of the network room.
 */
#ifndef SIAMESE_TEST_GRAPH_HELP_H
#define SIAMESE_TEST_GRAPH_HELP_H

#include <stddef.h>

#define GRAPH_NODES 64
#define GRAPH_SOURCES 4

/* A layer as the generator chose it; indexes of layers, -1 is the network's input. */
typedef struct GraphNode
{
	const char *type;
	int			input;
	int			sources;
	int			source[GRAPH_SOURCES];
	int			maps;			/* of conv, and units of dense */
	int			kernel;			/* of conv, odd, with half of it as padding */
	int			stride;
	int			height;			/* of the output */
	int			width;
	int			channels;
} GraphNode;

typedef struct Graph
{
	int			height;			/* of the input */
	int			width;
	int			channels;
	int			count;
	GraphNode	node[GRAPH_NODES];
	char		layers[8192];	/* as in a definition, without the brackets */
} Graph;

/*
 * A graph of some layers that read whatever earlier ones they fit, often none twice, and some layers that bring together what
 * nobody reads: so each is read, and the last one is dense.  The same for the same seed.
 */
extern void help_random_graph(unsigned seed, int layers, Graph *graph);

#endif
