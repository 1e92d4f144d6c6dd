/*
 * assignment.c: the assignment of least cost between two sets.
 *
 * Rows join the matching one by one, each by the shortest path that alternates between pairs outside and inside of the matching and ends at
 * a free column.  Potentials of rows and columns keep all reduced costs, cost - row - column, at zero or above, and those of the
 * matching at zero: so Dijkstra's algorithm finds the path, and the matching stays the cheapest of the rows that have joined.
 *
 * "No column" is a column, too: each row has one of its own, after the real ones, so that there always is a path.
 */
#include <math.h>
#include <string.h>

#include "tracking/tracking.h"

typedef struct Assignment
{
	int			rows;
	int			columns;		/* real ones */
	const double *cost;
	double		unassigned;
	/* [rows] */
	double	   *row_potential;
	int		   *column_of;		/* -1: has not joined yet */
	/* [columns + rows] */
	double	   *column_potential;
	int		   *row_of;			/* -1: free */
	double	   *distance;		/* of the shortest path to the column */
	int		   *before;			/* the row before it on that path */
	bool	   *reached;		/* its distance is final */
} Assignment;

static double
cost_of(const Assignment *assignment, int row, int column)
{
	if (column < assignment->columns)
		return assignment->cost[(size_t) row * assignment->columns + column];
	return column == assignment->columns + row ? assignment->unassigned : INFINITY;
}

/* The shortest path from a new row: its last column, which is free; length is that of the path. */
static int
find_path(Assignment *assignment, int row, double *length)
{
	int			all = assignment->columns + assignment->rows;

	for (int column = 0; column < all; column++)
	{
		assignment->distance[column] = INFINITY;
		assignment->reached[column] = false;
	}
	*length = 0;
	for (;;)
	{
		int			nearest = -1;

		for (int column = 0; column < all; column++)
		{
			double		distance;

			if (assignment->reached[column])
				continue;
			distance = *length + (cost_of(assignment, row, column) - assignment->row_potential[row] - assignment->column_potential[column]);
			if (distance < assignment->distance[column])
			{
				assignment->distance[column] = distance;
				assignment->before[column] = row;
			}
			if (nearest < 0 || assignment->distance[column] < assignment->distance[nearest])
				nearest = column;
		}
		*length = assignment->distance[nearest];
		if (assignment->row_of[nearest] < 0)
			return nearest;
		assignment->reached[nearest] = true;
		row = assignment->row_of[nearest];
	}
}

static void
add_row(Assignment *assignment, int row)
{
	double		least = assignment->unassigned;	/* its own column's, whose potential is zero as long as it is free */
	double		length;
	int			column;

	for (int i = 0; i < assignment->columns; i++)
	{
		double		reduced = cost_of(assignment, row, i) - assignment->column_potential[i];

		least = reduced < least ? reduced : least;
	}
	assignment->row_potential[row] = least;
	column = find_path(assignment, row, &length);

	/* reduced costs stay as they must: rows and columns that were reached move by how much nearer than the path's end they are */
	assignment->row_potential[row] += length;
	for (int i = 0; i < assignment->columns + assignment->rows; i++)
		if (assignment->reached[i])
		{
			assignment->column_potential[i] -= length - assignment->distance[i];
			assignment->row_potential[assignment->row_of[i]] += length - assignment->distance[i];
		}
	for (;;)
	{
		int			from = assignment->before[column];
		int			next = assignment->column_of[from];

		assignment->row_of[column] = from;
		assignment->column_of[from] = column;
		if (from == row)
			break;
		column = next;
	}
}

bool
assignment_solve(const Host *host, int rows, int columns, const double *cost, double unassigned, int *column, Status *status)
{
	size_t		all = (size_t) columns + rows;
	Assignment	assignment = {.rows = rows, .columns = columns, .cost = cost, .unassigned = unassigned, .column_of = column};
	bool		done = false;

	assignment.row_potential = host_allocate_zero(host, rows, sizeof(double), status);
	assignment.column_potential = host_allocate_zero(host, all, sizeof(double), status);
	assignment.distance = host_allocate(host, all, sizeof(double), status);
	assignment.row_of = host_allocate(host, all, sizeof(int), status);
	assignment.before = host_allocate(host, all, sizeof(int), status);
	assignment.reached = host_allocate(host, all, sizeof(bool), status);
	if (assignment.row_potential != NULL && assignment.column_potential != NULL && assignment.distance != NULL &&
		assignment.row_of != NULL && assignment.before != NULL && assignment.reached != NULL)
	{
		for (int row = 0; row < rows; row++)
			column[row] = -1;
		for (size_t i = 0; i < all; i++)
			assignment.row_of[i] = -1;
		done = true;
		for (int row = 0; row < rows && done; row++)
		{
			done = !host_interrupted(host, status);
			if (done)
				add_row(&assignment, row);
		}
		for (int row = 0; row < rows; row++)
			if (column[row] >= columns)
				column[row] = -1;
	}
	host_release(host, assignment.row_potential);
	host_release(host, assignment.column_potential);
	host_release(host, assignment.distance);
	host_release(host, assignment.row_of);
	host_release(host, assignment.before);
	host_release(host, assignment.reached);
	return done;
}
