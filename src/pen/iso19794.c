/*
 * iso19794.c: reader of ISO/IEC 19794-7:2007, the full format of signature/sign time series data.
 *
 * All numbers are big-endian.  Header: "SDI\0", " 10\0", a bit for each of 16 channels (X first), for each channel present a byte
 * of flags and the values that they announce, a reserved byte.  Body: a byte of flags, three bytes with the number of points, the
 * points.  A constant channel is absent from the points: its value is one unit.
 */
#include <math.h>

#include "pen/pen_internal.h"

#define CHANNELS 16
#define HEADER "SDI\0 10"		/* with the literal's terminating zero */

enum
{
	CHANNEL_X = 0,
	CHANNEL_Y = 1,
	CHANNEL_T = 7,
	CHANNEL_DT = 8,
	CHANNEL_F = 9,
	CHANNEL_S = 10				/* one byte; all others are two */
};

#define FLAG_SCALING 0x80
#define FLAG_CONSTANT 0x04
#define FLAG_NUMBERS 0x78		/* least, most, mean, deviation: two bytes each */

typedef struct Channel
{
	bool		present;
	bool		constant;
	double		scale;
} Channel;

typedef struct Reader
{
	const uint8_t *bytes;
	size_t		length;
	size_t		at;
	Channel		channel[CHANNELS];
	size_t		point_bytes;
} Reader;

static bool
too_short(const Reader *reader, const char *what, Status *status)
{
	return status_set(status, STATUS_PEN_FORMAT, "", "It is truncated in %s: it has only %zu bytes.", what, reader->length);
}

static bool
has(const Reader *reader, size_t bytes)
{
	return reader->length - reader->at >= bytes;
}

static int
take(Reader *reader, int bytes)
{
	int			number = 0;

	while (bytes-- > 0)
		number = number << 8 | reader->bytes[reader->at++];
	return number;
}

static bool
read_channels(Reader *reader, Status *status)
{
	int			included;

	if (!has(reader, 2))
		return too_short(reader, "the channels", status);
	included = take(reader, 2);
	for (int i = 0; i < CHANNELS; i++)
	{
		Channel    *channel = &reader->channel[i];
		int			flags;

		channel->present = included & (0x8000 >> i);
		if (!channel->present)
			continue;
		if (!has(reader, 1))
			return too_short(reader, "the channels", status);
		flags = take(reader, 1);
		channel->constant = flags & FLAG_CONSTANT;
		channel->scale = 1;
		if (flags & FLAG_SCALING)
		{
			int			scaling;

			if (!has(reader, 2))
				return too_short(reader, "the channels", status);
			scaling = take(reader, 2);
			channel->scale = ldexp(1 + (scaling & 0x7FF) / 2048.0, (scaling >> 11) - 16);
		}
		for (int flag = 0x40; flag & FLAG_NUMBERS; flag >>= 1)
		{
			if (!(flags & flag))
				continue;
			if (!has(reader, 2))
				return too_short(reader, "the channels", status);
			take(reader, 2);
		}
		if (!channel->constant)
			reader->point_bytes += i == CHANNEL_S ? 1 : 2;
	}
	if (!reader->channel[CHANNEL_X].present || !reader->channel[CHANNEL_Y].present)
		return status_set(status, STATUS_PEN_FORMAT, "", "It has no channel %s.",
						  reader->channel[CHANNEL_X].present ? "Y" : "X");
	if (reader->point_bytes == 0)
		return status_set(status, STATUS_PEN_FORMAT, "", "All its channels are constant.");
	return true;
}

/*
 * Some writers store the number of points, as in the standard's table, others their size in bytes, as in its ASN.1 module: it is
 * taken as the former if there are so many points.
 */
static bool
read_count(Reader *reader, int *count, Status *status)
{
	size_t		left;

	if (!has(reader, 5))
		return too_short(reader, "the header", status);
	take(reader, 2);			/* reserved; flags */
	*count = take(reader, 3);
	left = reader->length - reader->at;
	if ((size_t) *count > left / reader->point_bytes)
	{
		if ((size_t) *count > left || *count % reader->point_bytes != 0)
			return status_set(status, STATUS_PEN_FORMAT, "",
							  "It announces %d points of %zu bytes each, but only %zu bytes are left.",
							  *count, reader->point_bytes, left);
		*count = (int) (*count / reader->point_bytes);
	}
	return true;
}

/*
 * Writers disagree whether coordinates are two's complement or have an offset of 32768.  Differences between points are the same
 * in both, and only they matter.
 */
static double
unwrap(int raw, int *last, double *value, double scale)
{
	*value += (int16_t) (uint16_t) (raw - *last) / scale;
	*last = raw;
	return *value;
}

static bool
read_points(Reader *reader, int count, PenPoints *points, Status *status)
{
	const Channel *channel = reader->channel;
	int			last_x = 0;
	int			last_y = 0;
	double		x = 0;
	double		y = 0;
	double		time = 0;
	int			start = 0;

	for (int row = 0; row < count; row++)
	{
		int			raw[CHANNELS];
		double		pressure;

		for (int i = 0; i < CHANNELS; i++)
		{
			raw[i] = 1;
			if (channel[i].present && !channel[i].constant)
				raw[i] = take(reader, i == CHANNEL_S ? 1 : 2);
		}
		if (row == 0)
		{
			last_x = raw[CHANNEL_X];
			last_y = raw[CHANNEL_Y];
			start = raw[CHANNEL_T];
		}
		unwrap(raw[CHANNEL_X], &last_x, &x, channel[CHANNEL_X].scale);
		unwrap(raw[CHANNEL_Y], &last_y, &y, channel[CHANNEL_Y].scale);
		if (channel[CHANNEL_T].present)
			time = (raw[CHANNEL_T] - start) / channel[CHANNEL_T].scale;
		else if (channel[CHANNEL_DT].present && row > 0)
			time += raw[CHANNEL_DT] / channel[CHANNEL_DT].scale;
		pressure = channel[CHANNEL_F].present ? raw[CHANNEL_F] / channel[CHANNEL_F].scale : 1;
		if (channel[CHANNEL_S].present && raw[CHANNEL_S] == 0)
			pressure = 0;
		if (!pen_points_add(points, x, y, pressure, time, status))
			return false;
	}
	return true;
}

bool
pen_read_iso19794_7(const uint8_t *bytes, size_t length, const Host *host, PenTrajectory *trajectory, Status *status)
{
	Reader		reader = {.bytes = bytes, .length = length};
	PenPoints	points = {.host = host};
	int			count = 0;

	if (!pen_check_length(length, status))
		return false;
	if (length < 4 || memcmp(bytes, HEADER, 4) != 0)
		return status_set(status, STATUS_PEN_FORMAT, "", "It does not begin with \"SDI\".");
	if (length < sizeof(HEADER) || memcmp(bytes, HEADER, sizeof(HEADER)) != 0)
		return status_set(status, STATUS_PEN_FORMAT, "", "Its version is not \" 10\", that of ISO/IEC 19794-7:2007.");
	reader.at = sizeof(HEADER);
	if (read_channels(&reader, status) && read_count(&reader, &count, status) &&
		read_points(&reader, count, &points, status) &&
		pen_points_finish(&points, reader.channel[CHANNEL_T].present || reader.channel[CHANNEL_DT].present, trajectory,
						  status))
		return true;
	pen_points_release(&points);
	return false;
}
