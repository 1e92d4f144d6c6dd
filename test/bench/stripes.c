/*
 * stripes.c: stripes < LINES        the baseline without training of test/bench/patches
 *
 * Of each line "key <tab> PNG in hexadecimal": "key <tab> {...}", a histogram of the colours in each of three horizontal stripes, red,
 * green and blue in BINS levels each, as square roots of shares.  The Euclidean distance of two such vectors goes with Bhattacharyya's.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <allheaders.h>

#define BINS 8
#define STRIPES 3
#define COLOURS (BINS * BINS * BINS)

static void
print_stripes(const char *key, PIX *pix)
{
	int			width = pixGetWidth(pix);
	int			height = pixGetHeight(pix);
	double		count[STRIPES][COLOURS] = {{0}};
	double		total[STRIPES] = {0};

	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
		{
			l_int32		red;
			l_int32		green;
			l_int32		blue;
			int			stripe = y * STRIPES / height;

			pixGetRGBPixel(pix, x, y, &red, &green, &blue);
			count[stripe][(red * BINS / 256 * BINS + green * BINS / 256) * BINS + blue * BINS / 256]++;
			total[stripe]++;
		}
	printf("%s\t{", key);
	for (int stripe = 0; stripe < STRIPES; stripe++)
		for (int i = 0; i < COLOURS; i++)
			printf("%s%.4g", stripe + i > 0 ? "," : "", total[stripe] > 0 ? sqrt(count[stripe][i] / total[stripe]) : 0);
	printf("}\n");
}

int
main(void)
{
	char	   *line = NULL;
	size_t		size = 0;

	while (getline(&line, &size, stdin) > 0)
	{
		char	   *hex = strchr(line, '\t');
		l_uint8    *bytes = (l_uint8 *) line;
		size_t		count = 0;
		char		key[64];
		PIX		   *pix;
		PIX		   *colours;

		if (hex == NULL || hex - line >= (long) sizeof(key))
			continue;
		memcpy(key, line, hex - line);
		key[hex - line] = '\0';
		for (hex++; sscanf(hex, "%2hhx", &bytes[count]) == 1; hex += 2)
			count++;
		pix = pixReadMem(bytes, count);
		colours = pix != NULL ? pixConvertTo32(pix) : NULL;
		if (colours == NULL)
		{
			fprintf(stderr, "stripes: a line without a PNG\n");
			return 1;
		}
		print_stripes(key, colours);
		pixDestroy(&colours);
		pixDestroy(&pix);
	}
	free(line);
	return 0;
}
