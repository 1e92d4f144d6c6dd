/*
 * png_filter.c: undoes the filters of a PNG's rows (ISO/IEC 15948, 9).
 *
 * Rows of one-byte pixels, the usual ones, have loops of their own, which keep the pixel to the left in a register.
 */
#include "image/png_internal.h"

/*
 * Paeth's predictor: which of left a, above b and upper left c is nearest to a + b - c, ties in this order (ISO/IEC 15948, 9.4).
 * With d = 3 c - a - b this is min(a, b) if d >= max(a, b), max(a, b) if d <= min(a, b), and c otherwise: no branches.
 */
static inline int
paeth(int a, int b, int c)
{
	int			low = a < b ? a : b;
	int			high = a < b ? b : a;
	int			bound = 3 * c - a - b;
	int			value = bound >= high ? low : c;

	return bound <= low ? high : value;
}

static void
undo_paeth(uint8_t *row, const uint8_t *above, size_t count, size_t step)
{
	int			left = 0;
	int			corner = 0;

	if (step == 1)
		for (size_t i = 0; i < count; i++)
		{
			left = (row[i] + paeth(left, above[i], corner)) & 255;
			corner = above[i];
			row[i] = (uint8_t) left;
		}
	else
	{
		for (size_t i = 0; i < step; i++)
			row[i] = (uint8_t) (row[i] + above[i]);
		for (size_t i = step; i < count; i++)
			row[i] = (uint8_t) (row[i] + paeth(row[i - step], above[i], above[i - step]));
	}
}

static void
undo_mean(uint8_t *row, const uint8_t *above, size_t count, size_t step)
{
	int			left = 0;

	if (step == 1)
		for (size_t i = 0; i < count; i++)
		{
			left = (row[i] + (left + above[i]) / 2) & 255;
			row[i] = (uint8_t) left;
		}
	else
	{
		for (size_t i = 0; i < step; i++)
			row[i] = (uint8_t) (row[i] + above[i] / 2);
		for (size_t i = step; i < count; i++)
			row[i] = (uint8_t) (row[i] + (row[i - step] + above[i]) / 2);
	}
}

static void
undo_above(uint8_t *row, const uint8_t *above, size_t count)
{
	const uint64_t high = UINT64_C(0x8080808080808080);
	size_t		i = 0;

	for (; i + IMAGE_WORD <= count; i += IMAGE_WORD)
	{
		uint64_t	a = image_load_word(row + i);
		uint64_t	b = image_load_word(above + i);
		uint64_t	sums = ((a & ~high) + (b & ~high)) ^ ((a ^ b) & high);	/* no carry from one byte to the next */

		memcpy(row + i, &sums, IMAGE_WORD);
	}
	for (; i < count; i++)
		row[i] = (uint8_t) (row[i] + above[i]);
}

bool
image_png_undo_filter(int filter, uint8_t *row, const uint8_t *above, size_t row_bytes, size_t step)
{
	switch (filter)
	{
		case 0:
			break;
		case 1:
			for (size_t i = step; i < row_bytes; i++)
				row[i] = (uint8_t) (row[i] + row[i - step]);
			break;
		case 2:
			undo_above(row, above, row_bytes);
			break;
		case 3:
			undo_mean(row, above, row_bytes, step);
			break;
		case 4:
			undo_paeth(row, above, row_bytes, step);
			break;
		default:
			return false;
	}
	return true;
}
