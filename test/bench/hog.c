/*
 * hog.c: hog < LINES        the baselines without training of test/bench/cedar
 *
 * Of each line "key <tab> PNG in hexadecimal": "key <tab> pixel <tab> {...}" and "key <tab> hog <tab> {...}", two vectors to
 * be compared by their Euclidean distance.  Pixels are means of 2 x 2.  Histograms of oriented gradients as Dalal and Triggs
 * 2005 describe them: cells of 8 x 8 pixels, 9 unsigned directions shared between neighbours, blocks of 2 x 2 cells of unit
 * length, values cut at 0.2, and unit length again.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <allheaders.h>

#define CELL 8
#define DIRECTIONS 9
#define BLOCK (4 * DIRECTIONS)

static void
print_vector(const char *key, const char *kind, const float *value, int count)
{
	printf("%s\t%s\t{", key, kind);
	for (int i = 0; i < count; i++)
		printf("%s%.5g", i > 0 ? "," : "", value[i]);
	printf("}\n");
}

static void
print_pixels(const char *key, const float *pixel, int width, int height)
{
	float	   *mean = calloc((size_t) width * height / 4, sizeof(float));

	for (int y = 0; y < height / 2 * 2; y++)
		for (int x = 0; x < width / 2 * 2; x++)
			mean[y / 2 * (width / 2) + x / 2] += pixel[y * width + x] / 4;
	print_vector(key, "pixel", mean, width / 2 * (height / 2));
	free(mean);
}

static void
scale_to_unit(float *value)
{
	double		square = 1e-4;

	for (int i = 0; i < BLOCK; i++)
		square += value[i] * value[i];
	for (int i = 0; i < BLOCK; i++)
		value[i] = (float) (value[i] / sqrt(square));
}

static void
print_gradients(const char *key, const float *pixel, int width, int height)
{
	int			across = width / CELL;
	int			down = height / CELL;
	float	   *cell = calloc((size_t) across * down * DIRECTIONS, sizeof(float));
	float	   *block = malloc(sizeof(float) * BLOCK * (size_t) (across - 1) * (down - 1));
	float	   *next = block;

	for (int y = 1; y < height - 1 && y / CELL < down; y++)
		for (int x = 1; x < width - 1 && x / CELL < across; x++)
		{
			double		dx = pixel[y * width + x + 1] - pixel[y * width + x - 1];
			double		dy = pixel[(y + 1) * width + x] - pixel[(y - 1) * width + x];
			double		at = (atan2(dy, dx) / M_PI + 1) * DIRECTIONS;	/* 0 to 18: twice round for unsigned directions */
			int			low = (int) at;
			float	   *bin = cell + (y / CELL * across + x / CELL) * DIRECTIONS;

			bin[low % DIRECTIONS] += (float) (hypot(dx, dy) * (1 - (at - low)));
			bin[(low + 1) % DIRECTIONS] += (float) (hypot(dx, dy) * (at - low));
		}
	for (int y = 0; y + 1 < down; y++)
		for (int x = 0; x + 1 < across; x++, next += BLOCK)
		{
			for (int i = 0; i < 4; i++)
				memcpy(next + i * DIRECTIONS, cell + ((y + i / 2) * across + x + i % 2) * DIRECTIONS, DIRECTIONS * sizeof(float));
			scale_to_unit(next);
			for (int i = 0; i < BLOCK; i++)
				next[i] = fminf(next[i], 0.2f);
			scale_to_unit(next);
		}
	print_vector(key, "hog", block, (int) (next - block));
	free(cell);
	free(block);
}

int
main(void)
{
	char	   *line = NULL;
	size_t		room = 0;

	while (getline(&line, &room, stdin) > 0)
	{
		char	   *hex = strchr(line, '\t');
		size_t		bytes = hex ? strspn(hex + 1, "0123456789abcdef") / 2 : 0;
		unsigned char *png = malloc(bytes + 1);
		PIX		   *read,
				   *grey;
		int			width,
					height;
		float	   *pixel;

		for (size_t i = 0; i < bytes; i++)
			sscanf(hex + 1 + 2 * i, "%2hhx", &png[i]);
		read = bytes > 0 ? pixReadMem(png, bytes) : NULL;
		grey = read ? pixConvertTo8(read, 0) : NULL;
		if (grey == NULL)
		{
			fprintf(stderr, "hog: a line without a PNG\n");
			return 1;
		}
		*hex = '\0';
		width = pixGetWidth(grey);
		height = pixGetHeight(grey);
		pixel = malloc(sizeof(float) * (size_t) width * height);
		for (int i = 0; i < width * height; i++)
		{
			l_uint32	value;

			pixGetPixel(grey, i % width, i / width, &value);
			pixel[i] = (float) value / 255;
		}
		print_pixels(line, pixel, width, height);
		print_gradients(line, pixel, width, height);
		free(pixel);
		free(png);
		pixDestroy(&read);
		pixDestroy(&grey);
	}
	free(line);
	return 0;
}
