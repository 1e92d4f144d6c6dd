/*
 * fuzz_pen.c: fuzz_pen SEED COUNT
 *
 * COUNT damaged files of pen data are read: bits flipped, cut off, spliced, pieces repeated, numbers replaced.  Each must
 * give an error or a trajectory; what is read is prepared, which must give an error or finite features.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/random.h"
#include "pen/pen.h"
#include "unit/host.h"

#define ROOM 8192
#define POINTS 24
#define LARGEST_PEAK (4 * LIMIT_PEN_POINTS * 4 * sizeof(float))	/* of bytes at once */

typedef struct Sample
{
	PenReader	reader;
	uint8_t		bytes[ROOM];
	size_t		length;
} Sample;

#define SAMPLES 8

static Sample samples[SAMPLES];

__attribute__((format(printf, 2, 3)))
static void
put(Sample *sample, const char *format, ...)
{
	va_list		arguments;

	va_start(arguments, format);
	sample->length += (size_t) vsnprintf((char *) sample->bytes + sample->length, ROOM - sample->length, format, arguments);
	va_end(arguments);
}

static void
put_bytes(Sample *sample, const void *bytes, size_t length)
{
	memcpy(sample->bytes + sample->length, bytes, length);
	sample->length += length;
}

static void
make_samples(void)
{
	Sample	   *svc = &samples[0];
	Sample	   *ink = &samples[1];
	Sample	   *iso = &samples[2];
	Sample	   *plain = &samples[3];	/* SVC2004 of task 1: no pressure */
	Sample	   *air = &samples[4];	/* InkML without a format, with traces in the air and differences of both orders */
	Sample	   *timed = &samples[5];	/* ISO with X, Y, a channel to pass over, T and S */
	Sample	   *contexts = &samples[6];	/* InkML with contexts, sources, resolutions, groups, times that begin anew */
	Sample	   *slips = &samples[7];	/* SVC2004 with times that step back, lifted pens */

	svc->reader = pen_read_svc2004;
	ink->reader = pen_read_inkml;
	iso->reader = pen_read_iso19794_7;
	plain->reader = pen_read_svc2004;
	air->reader = pen_read_inkml;
	timed->reader = pen_read_iso19794_7;
	contexts->reader = pen_read_inkml;
	slips->reader = pen_read_svc2004;
	svc->length = (size_t) snprintf((char *) svc->bytes, ROOM, "%d\n", POINTS);
	ink->length = (size_t) snprintf((char *) ink->bytes, ROOM, "<?xml version='1.0'?><ink><!-- two strokes --><traceFormat>"
									"<channel name='X'/><channel name='Y'/><channel name='F'/><channel name='T' units='s'/>"
									"</traceFormat><trace id='1' timeOffset=\"5\">");
	put_bytes(iso, "SDI\0 10\0" "\xC0\xC0" "\x80\x88\x00" "\x80\x90\x00" "\x84\xB4\x80" "\x60\x00\x00\x03\xFF" "\x00\x00\x00\x00", 28);
	iso->bytes[iso->length++] = POINTS;
	plain->length = (size_t) snprintf((char *) plain->bytes, ROOM, "%d\n", POINTS);
	put(air, "<ink><trace>0 0");
	put(slips, "%d\n", POINTS);
	put(contexts, "<ink><definitions><inkSource xml:id='s'><traceFormat xml:id='f'><channel name='X'/><channel name='Y' units='cm'/>"
		"<channel name='T' units='dev'/><intermittentChannels><channel name='F'/><channel name='S' type='boolean'/></intermittentChannels>"
		"</traceFormat><channelProperties><channelProperty channel='X' name='resolution' value='100' units='1/in'/>"
		"<channelProperty channel='T' name='resolution' value='1000' units='1/s'/></channelProperties></inkSource>"
		"<context xml:id='a' inkSourceRef='#s'/><context xml:id='b' contextRef='#a'/><context xml:id='c'><traceFormat><channel name='Y'/>"
		"<channel name='X'/><channel name='T' units='us'/></traceFormat></context></definitions><context contextRef='#a'/>"
		"<traceGroup contextRef='#b'><trace>");
	put_bytes(timed, "SDI\0 10\0" "\xE1\x20" "\x00\x00\x00" "\x80\xCF\xA0" "\x00" "\x00\x00" "\x00\x00", 21);
	timed->bytes[timed->length++] = POINTS;
	for (int i = 0; i < POINTS; i++)
	{
		double		x = 10 * i;
		double		y = (i * 37) % 50;
		uint8_t		point[6] = {0, (uint8_t) x, 0, (uint8_t) y, 1, (uint8_t) i};
		uint8_t		switched[9] = {0, (uint8_t) x, 0, (uint8_t) y, 85, 85, 0, (uint8_t) (10 * i), i % 7 != 3};

		put(plain, "%.0f %.0f %.0f %d\n", x, y, 10.0 * i, i % 8 != 0);
		put(air, i == POINTS / 3 ? "</trace><trace type='penUp'>%g %g" : i == POINTS / 2 ? "</trace><trace timeOffset='7'>%g %g" :
			i % 3 == 0 ? ",'%g'%g" : i % 3 == 1 ? ",\"%g\"%g" : ",!%g!%g", i % 3 == 2 ? x : 3, i % 3 == 2 ? y : -2);
		put_bytes(timed, switched, sizeof(switched));

		put(slips, "%.0f %.0f %.0f %d 0 0 %d\n", x, y, 10.0 * i - 25 * (i % 3), i % 9 != 0, i % 9 != 1 ? 300 : -1);
		put(contexts, i == POINTS / 3 ? "</trace><trace contextRef='#c'>%g %g %.0f" : i == POINTS / 2 ? "</trace></traceGroup><trace"
			" contextRef='#b' continuation='end'>%g %g %.0f" : i == POINTS * 2 / 3 ? "</trace><trace type='penUp'>%g %g %.0f 3" :
			i % 5 == 4 && i / 8 != 1 ? ",%g %g %.0f 300 T" : i > 0 ? ",%g %g %.0f" : "%g %g %.0f", x, y, 10.0 * (i % 12) * (i / 8 == 1 ? 1000 : 1));

		put(svc, "%.0f %.0f %.0f 1 1500 700 %.0f\n", x, y, 10.0 * i, 300.0 + i);
		put(ink, i == 0 ? "%g %g %g %g" : i == POINTS / 2 ? "</trace><trace>%g %g %g %g" : i % 5 == 4 ? ",'%g'%g!%g!%g" : ",!%g!%g %g %g",
			x, y, 300.0 + i, 0.01 * i);
		put_bytes(iso, point, sizeof(point));
	}
	put(ink, "</trace></ink>");
	put(air, "</trace></ink>");
	put(contexts, "</trace></ink>");
}

static size_t
mutate(const Sample *sample, uint8_t *bytes, Random *random)
{
	static const char *const pieces[] = {
		"", "-", "1e38", "99999999999", ".", "'", "\"", "*", "!", "<", ">", "/>", "<!--", "-->", "<?", "<trace>", "</trace>",
		"<channel name='X'/>", "<traceFormat>", ",", "\n", "\xFF\xFF\xFF", "\x7F\xFF", "\x80\x00", "20000 ", "0", "e-999",
		"<context contextRef='#c'>", "</context>", "<traceGroup>", "</traceGroup>", "contextRef='#a'", "<inkSource>", "</inkSource>", "?", "T",
		"<definitions>", "units='s'", " -1", "<trace>0 0 0"
	};
	size_t		length = sample->length;

	memcpy(bytes, sample->bytes, length);
	for (uint32_t left = 1 + random_below(random, 4); left > 0 && length > 0; left--)
	{
		size_t		at = random_below(random, (uint32_t) length);
		size_t		from = random_below(random, (uint32_t) length);
		size_t		size = 1 + random_below(random, 200);
		const char *piece = pieces[random_below(random, sizeof(pieces) / sizeof(pieces[0]))];

		switch (random_below(random, 6))
		{
			case 0:
				for (uint32_t i = 1 + random_below(random, 8); i > 0; i--)
					bytes[random_below(random, (uint32_t) length)] ^= (uint8_t) (1 << random_below(random, 8));
				break;
			case 1:
				length = at;
				break;
			case 2:				/* a piece of the file over another one */
				size = size < length - from ? size : length - from;
				size = size < length - at ? size : length - at;
				memmove(bytes + at, bytes + from, size);
				break;
			case 3:				/* a piece once more */
				size = size < length - at ? size : length - at;
				if (length + size <= ROOM)
				{
					memmove(bytes + at + size, bytes + at, length - at);
					length += size;
				}
				break;
			case 4:				/* a piece left out */
				size = size < length - at ? size : length - at;
				memmove(bytes + at, bytes + at + size, length - at - size);
				length -= size;
				break;
			default:
				size = strlen(piece);
				size = size < length - at ? size : length - at;
				memcpy(bytes + at, piece, size);
				break;
		}
	}
	return length;
}

/* Whether what was read is refused, or prepared so that a network can take it. */
static bool
prepare(const PenTrajectory *trajectory, Random *random, long *prepared)
{
	static float sample[LIMIT_INPUT_SIDE * PEN_VALUES];
	static float copy[LIMIT_INPUT_SIDE * PEN_VALUES];
	static float input[LIMIT_INPUT_SIDE * PEN_FEATURES];
	PenDistortion distortion = {.probability = 0.7, .rotation = 20, .warp = 0.3, .time_warp = 0.5, .jitter = 0.1, .dropped = 0.4};
	PenPreparation p = {
		.length = 10 + (int) random_below(random, 60), .resampling = (PenResampling) random_below(random, 2),
		.drift = random_below(random, 2), .scale = (PenScale) random_below(random, 2), .rate = 100, .feature_count = PEN_FEATURES
	};
	Status		status = {0};
	bool		done;

	for (int i = 0; i < PEN_FEATURES; i++)
		p.feature[i] = (uint8_t) i;
	if (random_below(random, 2) == 0)
	{
		static double wide[LIMIT_PEN_POINTS * 4];
		double		start = pow(10, random_below(random, 12));

		for (int i = 0; i < trajectory->rows * trajectory->columns; i++)
			wide[i] = trajectory->points[i] + (i % trajectory->columns == 3 ? start : 0);
		done = pen_prepare(&(PenRows) {NULL, wide, trajectory->rows, trajectory->columns}, &p, sample, &status);
	}
	else
		done = pen_prepare(&(PenRows) {trajectory->points, NULL, trajectory->rows, trajectory->columns}, &p, sample, &status);
	if (!done)
		return status.code == STATUS_PEN && status.detail[0] != '\0';
	(*prepared)++;
	pen_distort(&p, &distortion, sample, random, copy);
	for (int pass = 0; pass < 2; pass++)
	{
		pen_features(&p, pass ? copy : sample, input);
		for (int i = 0; i < p.length * PEN_FEATURES; i++)
		{
			if (!(input[i] >= -1 && input[i] <= 1))
				return false;
		}
	}
	return true;
}

int
main(int argc, char **argv)
{
	uint64_t	seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	long		mutations = argc > 2 ? strtol(argv[2], NULL, 10) : 10000;
	static uint8_t work[ROOM];
	long		read = 0;
	long		prepared = 0;

	make_samples();
	for (int i = 0; i < SAMPLES; i++)
	{
		Host	   *host = test_host();
		PenTrajectory trajectory;
		Status		status = {0};

		if (!samples[i].reader(samples[i].bytes, samples[i].length, host, &trajectory, &status))
			return printf("sample %d is refused: %s\n", i, status.detail), 1;
		host_release(host, trajectory.points);
	}
	for (long i = 0; i < mutations; i++)
	{
		Random		random = random_stream(seed, (uint64_t) i);
		const Sample *sample = &samples[random_below(&random, SAMPLES)];
		size_t		length = mutate(sample, work, &random);
		uint8_t    *bytes = malloc(length ? length : 1);	/* of just that length, for the sanitizer */
		PenTrajectory trajectory;
		Status		status = {0};
		Host	   *host = test_host();
		bool		done;

		memcpy(bytes, work, length);
		done = sample->reader(bytes, length, host, &trajectory, &status);
		free(bytes);
		if (!done && (status.code != STATUS_PEN_FORMAT || status.detail[0] == '\0'))
			return printf("mutation %ld: status %d \"%s\"\n", i, status.code, status.detail), 1;
		if (done && !prepare(&trajectory, &random, &prepared))
			return printf("mutation %ld: not prepared, and not refused\n", i), 1;
		if (done)
			host_release(host, trajectory.points);
		read += done;
		if (test_host_outstanding() != 0)
			return printf("mutation %ld: %ld allocations were not released\n", i, test_host_outstanding()), 1;
		if (test_host_peak() > LARGEST_PEAK)
			return printf("mutation %ld: %zu bytes at once\n", i, test_host_peak()), 1;
	}
	printf("%ld mutations, %ld read, %ld prepared\n", mutations, read, prepared);
	return 0;
}
