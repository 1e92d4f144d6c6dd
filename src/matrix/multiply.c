/*
 * multiply.c: matrix products, in blocks for the caches around kernels' product.
 *
 * Both matrices are copied into blocks whose lines lie well for the processor, as Goto and van de Geijn (2008) do it.  A
 * product of one row reads the matrix as it lies, and adds in the same order as one of many rows: as long as b is not
 * transposed, a row of c has the same bits whatever the other rows, so that an image has one embedding, alone or in a batch.
 */
#include <string.h>

#include "matrix/product.h"

#define MOST_DEPTH 256
#define MOST_ROWS 48			/* a block of a: 48 kB, for the first cache */
#define MOST_VALUES (32 * 1024) /* of a block of b: 128 kB, for the second */
#define FEW_ROWS 64			/* of c: so few are not worth a copy of b */
#define MANY_VALUES (1 << 22)	/* of b: so many, which fit no cache, are not worth it whatever c */
#define GAP 16					/* reals behind a line of a block of a, so that lines do not share a set of the cache */

typedef struct Product
{
	const MatrixKernels *kernels;
	int			m;
	int			n;
	bool		a_transposed;
	bool		b_transposed;
	size_t		lda;
	size_t		ldb;
	size_t		ldc;
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
		if (product->b_transposed)
		{
			for (int column = 0; column < count; column++)
			{
				const real *from = b + (start + column) * product->ldb;

				for (int k = 0; k < depth; k++)
					panels[(size_t) k * PANEL + column] = from[k];
			}
		}
		else
		{
			for (int k = 0; k < depth; k++)
				memcpy(panels + (size_t) k * PANEL, b + k * product->ldb + start, count * sizeof(real));
		}
	}
}

/* c [m, columns] (+)= a [m, depth] panels */
static void
multiply_block(const Product *product, const real *a, int depth, const real *panels, int columns, bool add, real *c)
{
	real		lines[MOST_ROWS * (MOST_DEPTH + GAP)];
	size_t		stride = product->a_transposed ? MOST_ROWS : (size_t) depth + GAP;

	for (int row = 0; row < product->m; row += MOST_ROWS)
	{
		int			rows = product->m - row < MOST_ROWS ? product->m - row : MOST_ROWS;
		const real *from = product->a_transposed ? a + row : a + row * product->lda;
		ProductPass pass = {
			.rows = rows, .segments = 1, .depth = depth, .a = lines, .a_row = product->a_transposed ? 1 : stride,
			.a_step = product->a_transposed ? stride : 1, .b_step = PANEL, .c_row = product->ldc, .add = add
		};

		for (int line = 0; line < (product->a_transposed ? depth : rows); line++)
			memcpy(lines + line * stride, from + line * product->lda, (product->a_transposed ? rows : depth) * sizeof(real));
		for (int column = 0; column < columns; column += PANEL)
		{
			pass.columns = columns - column < PANEL ? columns - column : PANEL;
			pass.b = panels + (size_t) column * depth;
			pass.c = c + row * product->ldc + column;
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

			pack_panels(product, product->b_transposed ? b + column * product->ldb + start :
						b + start * product->ldb + column, depth, columns, panels);
			multiply_block(product, product->a_transposed ? a + start * product->lda : a + start, depth, panels, columns,
						   add || start > 0, c + column);
		}
	}
}

/* Few rows and a large b stored by columns: the transpose of c is b times the transpose of a, and b is read as it lies. */
static void
multiply_transposed(const Product *product, int k, const real *a, const real *b, bool add, real *c)
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
				.kernels = product->kernels, .m = columns, .n = rows, .lda = product->ldb,
				.b_transposed = !product->a_transposed, .ldb = product->lda, .ldc = ROWS
			};

			multiply(&other, k, b + column * product->ldb, product->a_transposed ? a + row : a + row * product->lda,
					 false, strip);
			for (int r = 0; r < rows; r++)
			{
				real	   *to = c + (row + r) * product->ldc + column;

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
			product->kernels->add_rows(a + start, b + start * product->ldb + column, product->ldb, depth, columns, to);
			if (to == sum)
				product->kernels->add(sum, columns, c + column);
		}
	}
}

/* The same with b stored by columns. */
static void
multiply_vector_transposed(const Product *product, int k, const real *a, const real *b, bool add, real *c)
{
	if (!add)
		memset(c, 0, product->n * sizeof(real));
	product->kernels->dot_rows(a, b, product->ldb, product->n, k, c);
}

void
matrix_multiply(bool a_transposed, bool b_transposed, int m, int n, int k, const real *a, size_t lda,
				const real *b, size_t ldb, real beta, real *c, size_t ldc)
{
	bool		add = beta != 0;
	Product		product = {matrix_kernels(), m, n, a_transposed, b_transposed, lda, ldb, ldc};

	if (m == 1 && !a_transposed && b_transposed)
		multiply_vector_transposed(&product, k, a, b, add, c);
	else if (m == 1 && !a_transposed)
		multiply_vector(&product, k, a, b, add, c);
	else if (b_transposed && m < n / 4 && (m <= FEW_ROWS || (size_t) n * k > MANY_VALUES))
		multiply_transposed(&product, k, a, b, add, c);
	else
		multiply(&product, k, a, b, add, c);
}
