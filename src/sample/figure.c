/*
 * figure.c: draws a person, and the place where people walk.
 *
 * Everything is made of capsules: lines as thick as a limb, with round ends and soft borders.
 */
#include "sample/video_internal.h"

typedef struct Point
{
	double		x;
	double		y;
} Point;

typedef struct Capsule
{
	Point		from;
	Point		to;
	double		radius;
	Colour		colour;
	const Look *look;			/* its pattern, NULL: plain */
} Capsule;

/* The figure that is being drawn. */
typedef struct Drawing
{
	Canvas	   *canvas;
	int			owner;			/* VIDEO_NOBODY: a shadow */
	int			pixels;			/* that have become the owner's */
} Drawing;

static Colour
colour_of(double hue, double saturation, double value)
{
	double		sector = 6.0 * (hue - floor(hue));
	double		channel[3];

	for (int i = 0; i < 3; i++)
	{
		double		at = fmod(sector + (i == 0 ? 5.0 : i == 1 ? 3.0 : 1.0), 6.0);

		channel[i] = 255.0 * value * (1.0 - saturation * clamp(fmin(at, 4.0 - at), 0.0, 1.0));
	}
	return (Colour) {(float) channel[0], (float) channel[1], (float) channel[2]};
}

/* Clothes: many are dark and grey, some have a colour. */
static Colour
cloth(Random *random)
{
	double		hue = random_uniform(random);
	bool		grey = random_uniform(random) < 0.35;
	double		saturation = grey ? random_range(random, 0.0, 0.15) : random_range(random, 0.3, 0.9);
	double		value = random_range(random, 0.15, 0.95);

	return colour_of(hue, saturation, value);
}

void
look_draw(Random *random, Look *look)
{
	double		dark = random_range(random, 0.25, 0.92);
	double		pale = random_range(random, 0.45, 0.95);
	double		hue = random_uniform(random);

	look->hair = colour_of(0.08, 0.6 * dark, 1.0 - dark);
	look->skin = colour_of(0.07, 0.75 - 0.45 * pale, pale);
	look->coat = cloth(random);
	look->second = cloth(random);
	look->legs = cloth(random);
	look->shoes = colour_of(hue, 0.3, random_range(random, 0.05, 0.9));
	look->bag = cloth(random);
	look->pattern = (Pattern) random_below(random, PATTERN_COUNT);
	look->has_bag = random_uniform(random) < 0.35;
	look->has_skirt = random_uniform(random) < 0.25;
	look->tall = 1.0 + sample_normal(random, 0.06);
	look->broad = 1.0 + sample_normal(random, 0.12);
}

/* along: 0 to 1 from the top of the body to its end; across: -1 to 1. */
static Colour
pattern_at(const Look *look, double along, double across)
{
	switch (look->pattern)
	{
		case PATTERN_STRIPES:
			return fmod(along * 5.0, 1.0) < 0.5 ? look->coat : look->second;
		case PATTERN_HALVES:
			return along < 0.45 ? look->coat : look->second;
		case PATTERN_OPEN:
			return fabs(across) < 0.3 ? look->second : look->coat;
		default:
			return look->coat;
	}
}

static void
blend(uint8_t *pixel, const Colour *colour, double share)
{
	pixel[0] = (uint8_t) (pixel[0] + share * (colour->red - pixel[0]) + 0.5);
	pixel[1] = (uint8_t) (pixel[1] + share * (colour->green - pixel[1]) + 0.5);
	pixel[2] = (uint8_t) (pixel[2] + share * (colour->blue - pixel[2]) + 0.5);
}

static void
capsule_draw(Drawing *drawing, const Capsule *capsule)
{
	double		reach = capsule->radius + 0.5;
	double		dx = capsule->to.x - capsule->from.x;
	double		dy = capsule->to.y - capsule->from.y;
	double		square = dx * dx + dy * dy;
	int			first_x = (int) fmax(floor(fmin(capsule->from.x, capsule->to.x) - reach), -OWNER_MARGIN);
	int			first_y = (int) fmax(floor(fmin(capsule->from.y, capsule->to.y) - reach), -OWNER_MARGIN);
	int			last_x = (int) fmin(ceil(fmax(capsule->from.x, capsule->to.x) + reach), VIDEO_WIDTH + OWNER_MARGIN - 1);
	int			last_y = (int) fmin(ceil(fmax(capsule->from.y, capsule->to.y) + reach), VIDEO_HEIGHT + OWNER_MARGIN - 1);

	for (int y = first_y; y <= last_y; y++)
	{
		for (int x = first_x; x <= last_x; x++)
		{
			double		px = x - capsule->from.x;
			double		py = y - capsule->from.y;
			double		along = square > 0.0 ? clamp((px * dx + py * dy) / square, 0.0, 1.0) : 0.0;
			double		cover = clamp(reach - hypot(px - along * dx, py - along * dy), 0.0, 1.0);
			Colour		colour = capsule->colour;
			int16_t    *owner = canvas_owner(drawing->canvas, x, y);

			if (cover > 0.5 && drawing->owner != VIDEO_NOBODY && *owner != drawing->owner)
			{
				*owner = (int16_t) drawing->owner;
				drawing->pixels++;
			}
			if (cover <= 0.0 || x < 0 || y < 0 || x >= VIDEO_WIDTH || y >= VIDEO_HEIGHT)
				continue;
			if (capsule->look != NULL)
				colour = pattern_at(capsule->look, along, (px - along * dx) / capsule->radius);
			blend(drawing->canvas->raster + 3 * ((size_t) y * VIDEO_WIDTH + x), &colour, cover);
		}
	}
}

static void
limb(Drawing *drawing, Point from, Point to, double radius, Colour colour)
{
	Capsule		capsule = {from, to, radius, colour, NULL};

	capsule_draw(drawing, &capsule);
}

static void
legs_draw(Drawing *drawing, const Look *look, const Pose *pose, double breadth)
{
	double		h = pose->height;
	double		swing = pose->moving ? 0.14 * h * sin(pose->stride) : 0.035 * h;
	Point		hip = {pose->x, pose->feet - 0.48 * h};

	for (int side = -1; side <= 1; side += 2)
	{
		Point		foot = {pose->x + side * swing, pose->feet - 0.02 * h - (pose->moving ? 0.03 * h * fmax(0.0, side * cos(pose->stride)) : 0.0)};
		Point		tip = {foot.x + (pose->to_left ? -0.045 : 0.045) * h, foot.y};

		limb(drawing, hip, foot, 0.26 * breadth, look->legs);
		limb(drawing, foot, tip, 0.018 * h, look->shoes);
	}
	if (look->has_skirt)
		limb(drawing, hip, (Point) {pose->x, pose->feet - 0.3 * h}, 0.55 * breadth, look->legs);
}

int
figure_draw(const Look *look, const Pose *pose, int owner, Canvas *canvas)
{
	Drawing		drawing = {canvas, VIDEO_NOBODY, 0};
	double		h = pose->height;
	double		breadth = 0.16 * h * look->broad;
	double		bob = pose->moving ? 0.008 * h * cos(2.0 * pose->stride) : 0.0;
	double		arm = pose->moving ? 0.12 * h * sin(pose->stride) : 0.02 * h;
	double		ahead = pose->to_left ? -1.0 : 1.0;
	Point		neck = {pose->x, pose->feet - 0.80 * h + bob};
	Point		waist = {pose->x, pose->feet - 0.50 * h + bob};
	Point		head = {pose->x + ahead * 0.01 * h, pose->feet - 0.915 * h + bob};
	Capsule		body = {neck, waist, 0.62 * breadth, look->coat, look};

	limb(&drawing, (Point) {pose->x - breadth, pose->feet}, (Point) {pose->x + breadth, pose->feet}, 0.02 * h, (Colour) {70, 70, 72});
	drawing.owner = owner;
	limb(&drawing, neck, (Point) {pose->x - arm, pose->feet - 0.46 * h}, 0.22 * breadth, look->coat);
	legs_draw(&drawing, look, pose, breadth);
	capsule_draw(&drawing, &body);
	limb(&drawing, neck, (Point) {pose->x + arm, pose->feet - 0.46 * h}, 0.22 * breadth, look->coat);
	if (look->has_bag)
		limb(&drawing, (Point) {pose->x - ahead * 0.7 * breadth, neck.y + 0.06 * h}, (Point) {pose->x - ahead * 0.7 * breadth, neck.y + 0.2 * h},
			 0.35 * breadth, look->bag);
	limb(&drawing, head, head, 0.07 * h, look->skin);
	limb(&drawing, (Point) {head.x - ahead * 0.015 * h, head.y - 0.03 * h}, (Point) {head.x - ahead * 0.03 * h, head.y}, 0.058 * h, look->hair);
	return drawing.pixels;
}

/* A wall with panels, and a pavement. */
void
figure_background(Random *random, uint8_t *raster)
{
	double		hue = random_uniform(random);
	Colour		wall = colour_of(hue, 0.2, random_range(random, 0.5, 0.8));
	Colour		ground = colour_of(0.1, 0.08, random_range(random, 0.45, 0.7));

	for (int y = 0; y < VIDEO_HEIGHT; y++)
	{
		for (int x = 0; x < VIDEO_WIDTH; x++)
		{
			Colour	   *colour = y < 118 ? &wall : &ground;
			double		light = y < 118 ? 0.92 + 0.08 * (x / 48 % 2) : 0.85 + 0.2 * (y - 118) / 122.0;
			uint8_t    *pixel = raster + 3 * ((size_t) y * VIDEO_WIDTH + x);

			pixel[0] = (uint8_t) fmin(255.0, light * colour->red);
			pixel[1] = (uint8_t) fmin(255.0, light * colour->green);
			pixel[2] = (uint8_t) fmin(255.0, light * colour->blue);
		}
	}
}
