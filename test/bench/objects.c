/*
 * objects.c: objects IDENTITIES VIEWS SEED      textured objects, each seen several times: made data for test/bench/photographs
 *
 * A line for each view: "identity <tab> view <tab> \\x..., a PPM in hexadecimal".  An identity is an outline (a few Fourier terms of its
 * radius), one of few palettes, and a texture painted on it: bands, spots, rings or tiles, bent by a smooth displacement of its own.
 * Palettes are shared by many identities, so that colours alone do not tell them apart.  A view turns, tilts, scales and moves the object
 * before another background, lights it from a side and with a tint, hides a part of it at times, and adds blur and noise.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIDE 96
#define PALETTES 12
#define OUTLINE_TERMS 4
#define SPOTS 14

static uint64_t state;

static double
uniform(double low, double high)
{
	state += 0x9E3779B97F4A7C15u;	/* splitmix64 */
	uint64_t	z = state;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	z ^= z >> 31;
	return low + (high - low) * ((z >> 11) * 0x1p-53);
}

static double
normal(void)
{
	return sqrt(-2 * log(uniform(1e-12, 1))) * cos(uniform(0, 2 * M_PI));
}

typedef enum
{
	TEXTURE_BANDS,
	TEXTURE_SPOTS,
	TEXTURE_RINGS,
	TEXTURE_TILES,
	TEXTURES
} Texture;

typedef struct
{
	double		amplitude[OUTLINE_TERMS];
	double		phase[OUTLINE_TERMS];
	Texture		texture;
	double		colour[3][3];
	double		angle;
	double		frequency;
	double		share;			/* of the first colour within a period */
	double		centre[2];
	double		bend[2][3];		/* amplitude, frequency, phase of the displacement along x and y */
	double		spot[SPOTS][3];	/* x, y, radius */
} Object;

static void
make_object(Object *object)
{
	static double palette[PALETTES][3][3];
	static int	made;

	if (!made)
		for (int i = 0; i < PALETTES * 9; i++)
			(&palette[0][0][0])[i] = uniform(0.05, 0.95);
	made = 1;

	memcpy(object->colour, palette[(int) uniform(0, PALETTES)], sizeof object->colour);
	for (int i = 0; i < 9; i++)
		(&object->colour[0][0])[i] += uniform(-0.05, 0.05);
	for (int i = 0; i < OUTLINE_TERMS; i++)
	{
		object->amplitude[i] = uniform(0, 0.16) / (i + 1);
		object->phase[i] = uniform(0, 2 * M_PI);
	}
	object->texture = (Texture) uniform(0, TEXTURES);
	object->angle = uniform(0, M_PI);
	object->frequency = uniform(1.2, 4);
	object->share = uniform(0.3, 0.7);
	for (int i = 0; i < 2; i++)
	{
		object->centre[i] = uniform(-0.5, 0.5);
		object->bend[i][0] = uniform(0, 0.15);
		object->bend[i][1] = uniform(2, 6);
		object->bend[i][2] = uniform(0, 2 * M_PI);
	}
	for (int i = 0; i < SPOTS; i++)
	{
		object->spot[i][0] = uniform(-0.8, 0.8);
		object->spot[i][1] = uniform(-0.8, 0.8);
		object->spot[i][2] = uniform(0.06, 0.25);
	}
}

/* Which of the object's colours a point of it has; x and y within -1 to 1, -1 outside of its outline. */
static int
colour_at(const Object *object, double x, double y)
{
	double		radius = 0.75;
	double		direction = atan2(y, x);
	double		u = x + object->bend[0][0] * sin(object->bend[0][1] * y + object->bend[0][2]);
	double		v = y + object->bend[1][0] * sin(object->bend[1][1] * x + object->bend[1][2]);
	double		along = u * cos(object->angle) + v * sin(object->angle);
	double		across = v * cos(object->angle) - u * sin(object->angle);
	double		place;

	for (int i = 0; i < OUTLINE_TERMS; i++)
		radius += object->amplitude[i] * cos((i + 2) * direction + object->phase[i]);
	if (hypot(x, y) > radius)
		return -1;
	switch (object->texture)
	{
		case TEXTURE_BANDS:
			place = along * object->frequency;
			break;
		case TEXTURE_RINGS:
			place = hypot(u - object->centre[0], v - object->centre[1]) * object->frequency;
			break;
		case TEXTURE_TILES:
			place = (floor(along * object->frequency) + floor(across * object->frequency)) * 0.5 + 0.01;
			break;
		default:
			for (int i = 0; i < SPOTS; i++)
				if (hypot(u - object->spot[i][0], v - object->spot[i][1]) < object->spot[i][2])
					return i % 3 == 0 ? 2 : 1;
			return 0;
	}
	place -= floor(place);
	return place < object->share ? 0 : place < object->share + (1 - object->share) * 0.7 ? 1 : 2;
}

static void
print_view(const Object *object, int identity, int view)
{
	static double canvas[SIDE][SIDE][3];
	double		turn = uniform(-0.5, 0.5);
	double		tilt = uniform(0.75, 1);	/* foreshortening along one axis */
	double		tilt_axis = uniform(0, M_PI);
	double		scale = uniform(0.7, 1.05);
	double		moved[2] = {uniform(-0.15, 0.15), uniform(-0.15, 0.15)};
	double		light = uniform(0.55, 1.25);
	double		shade = uniform(0, 0.35);
	double		shade_axis = uniform(0, 2 * M_PI);
	double		tint[3];
	double		ground[2][3];
	double		ground_wave[3] = {uniform(1, 9), uniform(0, M_PI), uniform(0, 2 * M_PI)};
	double		hidden[3] = {uniform(-1, 1), uniform(0, 2 * M_PI), uniform(0, 1)};
	double		noise = uniform(0.005, 0.04);
	int			blur = (int) uniform(0, 3);

	for (int c = 0; c < 3; c++)
	{
		tint[c] = light * uniform(0.85, 1.15);
		ground[0][c] = uniform(0, 1);
		ground[1][c] = uniform(0, 1);
	}
	for (int row = 0; row < SIDE; row++)
		for (int column = 0; column < SIDE; column++)
		{
			double		x = (2.0 * column / (SIDE - 1) - 1 - moved[0]) / scale;
			double		y = (2.0 * row / (SIDE - 1) - 1 - moved[1]) / scale;
			double		along = x * cos(tilt_axis) + y * sin(tilt_axis);
			double		across = (y * cos(tilt_axis) - x * sin(tilt_axis)) / tilt;
			double		u = along * cos(tilt_axis + turn) - across * sin(tilt_axis + turn);
			double		v = along * sin(tilt_axis + turn) + across * cos(tilt_axis + turn);
			int			colour = colour_at(object, u, v);
			double		wave = 0.5 + 0.5 * sin(ground_wave[0] * (x * cos(ground_wave[1]) + y * sin(ground_wave[1])) + ground_wave[2]);
			/* in a quarter of the views something stands before one side of the object */
			int			covered = hidden[2] < 0.25 && x * cos(hidden[1]) + y * sin(hidden[1]) > 0.35 + 0.3 * hidden[0];

			for (int c = 0; c < 3; c++)
				canvas[row][column][c] = (colour < 0 || covered ? wave * ground[0][c] + (1 - wave) * ground[1][c] : object->colour[colour][c]) *
					tint[c] * (1 + shade * (x * cos(shade_axis) + y * sin(shade_axis)));
		}
	while (blur-- > 0)
		for (int row = 1; row < SIDE; row++)
			for (int column = 1; column < SIDE; column++)
				for (int c = 0; c < 3; c++)
					canvas[row - 1][column - 1][c] = 0.25 * (canvas[row - 1][column - 1][c] + canvas[row - 1][column][c] +
															 canvas[row][column - 1][c] + canvas[row][column][c]);

	printf("%d\t%d\t\\\\x", identity, view);
	for (const char *head = "P6 96 96 255\n"; *head; head++)
		printf("%02x", *head);
	for (int i = 0; i < SIDE * SIDE * 3; i++)
		printf("%02x", (int) fmin(fmax(255 * ((&canvas[0][0][0])[i] + noise * normal()), 0), 255));
	putchar('\n');
}

int
main(int argc, char **argv)
{
	int			identities = argc > 1 ? atoi(argv[1]) : 0;
	int			views = argc > 2 ? atoi(argv[2]) : 0;

	if (argc != 4 || identities < 1 || views < 1)
	{
		fprintf(stderr, "usage: objects IDENTITIES VIEWS SEED\n");
		return 2;
	}
	state = strtoull(argv[3], NULL, 10);
	for (int identity = 1; identity <= identities; identity++)
	{
		Object		object;

		make_object(&object);
		for (int view = 1; view <= views; view++)
			print_view(&object, identity, view);
	}
	return ferror(stdout) || fflush(stdout) != 0;
}
