/*
 * gemm.c: matrix products, in blocks for the caches around kernels' product.
 *
 * Both matrices are copied into blocks whose lines lie well for the processor, as Goto and van de Geijn (2008) do it.  A
 * product of one row reads the matrix as it lies, and adds in the same order as one of many rows: as long as b is not
 * turned, a row of c has the same bits whatever the other rows, so that an image has one embedding, alone or in a batch.
 */
#include <string.h>

#include "network/network_internal.h"

#define MOST_DEPTH 256
#define MOST_ROWS 48			/* a block of a: 48 kB, for the first cache */
#define MOST_VALUES (32 * 1024) /* of a block of b: 128 kB, for the second */
#define LEAD 16					/* reals behind a line of a block of a, so that lines do not share a set of the cache */

typedef struct Product
{
	const NetworkKernels *kernels;
	int			m;
	int			n;
	bool		a_turned;
	bool		b_turned;
	size_t		a_lead;
	size_t		b_lead;
	size_t		c_lead;
} Product;

/* b [depth, columns] -> panels [depth, PANEL], the last one filled up by zeros. */
static void
pack_panels(const Product *product, const real *b, int depth, int columns, real *panels)
{
	for (int start = 0; start < columns; start += PANEL, panels += (size_t) depth * PANEL)
	{
		int			count = columns - start < PANEL ? columns - start : PANEL;

		if (count < PANEL)
			memset(panels, 0, (size_t) depth * PANEL * sizeof(real));
		if (product->b_turned)
		{
			for (int column = 0; column < count; column++)
			{
				const real *from = b + (start + column) * product->b_lead;

				for (int k = 0; k < depth; k++)
					panels[(size_t) k * PANEL + column] = from[k];
			}
		}
		else
		{
			for (int k = 0; k < depth; k++)
				memcpy(panels + (size_t) k * PANEL, b + k * product->b_lead + start, count * sizeof(real));
		}
	}
}

/* c [m, columns] (+)= a [m, depth] panels */
static void
multiply_block(const Product *product, const real *a, int depth, const real *panels, int columns, bool add, real *c)
{
	real		lines[MOST_ROWS * (MOST_DEPTH + LEAD)];
	size_t		lead = product->a_turned ? MOST_ROWS : (size_t) depth + LEAD;

	for (int row = 0; row < product->m; row += MOST_ROWS)
	{
		int			rows = product->m - row < MOST_ROWS ? product->m - row : MOST_ROWS;
		const real *from = product->a_turned ? a + row : a + row * product->a_lead;
		ProductPass pass = {
			.rows = rows, .segments = 1, .depth = depth, .a = lines, .a_row = product->a_turned ? 1 : lead,
			.a_step = product->a_turned ? lead : 1, .b_step = PANEL, .c_row = product->c_lead, .add = add
		};

		for (int line = 0; line < (product->a_turned ? depth : rows); line++)
			memcpy(lines + line * lead, from + line * product->a_lead, (product->a_turned ? rows : depth) * sizeof(real));
		for (int column = 0; column < columns; column += PANEL)
		{
			pass.columns = columns - column < PANEL ? columns - column : PANEL;
			pass.b = panels + (size_t) column * depth;
			pass.c = c + row * product->c_lead + column;
			product->kernels->product(&pass);
		}
	}
}

/* Depth outermost: b, which may be large, is read once and in the order of its lines. */
static void
multiply(const Product *product, int k, const real *a, const real *b, bool add, real *c)
{
	real		panels[MOST_VALUES];

	for (int start = 0; start < k; start += MOST_DEPTH)
	{
		int			depth = k - start < MOST_DEPTH ? k - start : MOST_DEPTH;
		int			most = MOST_VALUES / depth / PANEL * PANEL;

		for (int column = 0; column < product->n; column += most)
		{
			int			columns = product->n - column < most ? product->n - column : most;

			pack_panels(product, product->b_turned ? b + column * product->b_lead + start :
						b + start * product->b_lead + column, depth, columns, panels);
			multiply_block(product, product->a_turned ? a + start * product->a_lead : a + start, depth, panels, columns,
						   add || start > 0, c + column);
		}
	}
}

/* Few rows and a large b stored by columns: c turned is b a turned, where nothing large needs to be turned. */
static void
multiply_turned(const Product *product, int k, const real *a, const real *b, bool add, real *c)
{
	enum {STRIP = 256, ROWS = 4 * PANEL};	/* b is read once for so many rows */
	real		strip[STRIP * ROWS];

	for (int row = 0; row < product->m; row += ROWS)
	{
		int			rows = product->m - row < ROWS ? product->m - row : ROWS;

		for (int column = 0; column < product->n; column += STRIP)
		{
			int			columns = product->n - column < STRIP ? product->n - column : STRIP;
			Product		other = {
				.kernels = product->kernels, .m = columns, .n = rows, .a_lead = product->b_lead,
				.b_turned = !product->a_turned, .b_lead = product->a_lead, .c_lead = ROWS
			};

			multiply(&other, k, b + column * product->b_lead, product->a_turned ? a + row : a + row * product->a_lead,
					 false, strip);
			for (int r = 0; r < rows; r++)
			{
				real	   *to = c + (row + r) * product->c_lead + column;

				for (int i = 0; i < columns; i++)
					to[i] = strip[i * ROWS + r] + (add ? to[i] : 0);
			}
		}
	}
}

/* c [n] (+)= a [k] b: b is read once, in the order of its lines. */
static void
multiply_vector(const Product *product, int k, const real *a, const real *b, bool add, real *c)
{
	enum {STRIP = 4096};
	real		sum[STRIP];

	for (int start = 0; start < k; start += MOST_DEPTH)
	{
		int			depth = k - start < MOST_DEPTH ? k - start : MOST_DEPTH;

		for (int column = 0; column < product->n; column += STRIP)
		{
			int			columns = product->n - column < STRIP ? product->n - column : STRIP;
			real	   *to = add || start > 0 ? sum : c + column;

			memset(to, 0, columns * sizeof(real));
			product->kernels->add_rows(a + start, b + start * product->b_lead + column, product->b_lead, depth, columns, to);
			if (to == sum)
				product->kernels->add(sum, columns, c + column);
		}
	}
}

/* The same with b stored by columns. */
static void
multiply_vector_turned(const Product *product, int k, const real *a, const real *b, bool add, real *c)
{
	if (!add)
		memset(c, 0, product->n * sizeof(real));
	product->kernels->dot_rows(a, b, product->b_lead, product->n, k, c);
}

void
gemm(bool a_turned, bool b_turned, int m, int n, int k, const real *a, size_t a_lead,
	 const real *b, size_t b_lead, real keep, real *c, size_t c_lead)
{
	bool		add = keep != 0;
	Product		product = {network_kernels(), m, n, a_turned, b_turned, a_lead, b_lead, c_lead};

	if (m == 1 && !a_turned && b_turned)
		multiply_vector_turned(&product, k, a, b, add, c);
	else if (m == 1 && !a_turned)
		multiply_vector(&product, k, a, b, add, c);
	else if (b_turned && m < n / 4)
		multiply_turned(&product, k, a, b, add, c);
	else
		multiply(&product, k, a, b, add, c);
}
