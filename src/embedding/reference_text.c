/*
 * reference_text.c: a reference as text and as a binary message.
 *
 *   (6/6,[0.1,...]@cosine:0123456789abcdef,[0.2,...])    count / window, mean, spread: the root of each variance
 *   (6/6,[0.1,...]@cosine:0123456789abcdef,[0.2,...],{fe01...,...})    and trajectories for elastic matching, in hexadecimal
 *
 * A spread has as many digits as it takes for its square to be the same variance again, bit for bit.
 *
 * Message, in network byte order: uint16 dimensions, uint8 metric, uint8 version, uint64 fingerprint, uint16 count, uint16
 * window, float4 means, float4 variances; then, if there are trajectories, of each uint16 points and its values, one byte each.
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/limits.h"
#include "embedding/embedding_internal.h"
#include "embedding/reference.h"

PG_FUNCTION_INFO_V1(siamese_reference_in);
PG_FUNCTION_INFO_V1(siamese_reference_out);
PG_FUNCTION_INFO_V1(siamese_reference_recv);
PG_FUNCTION_INFO_V1(siamese_reference_send);

#define HEADER_BYTES 16			/* of a message */

#define NO_NUMBER "A reference must begin with the count and the window."

static bool
take(TextParser *parser, char c, const char *missing)
{
	text_skip_space(parser);
	return text_take(parser, c) || text_fail(parser, missing);
}

static bool
is_count(double value, double most)
{
	return value >= 1 && value <= most && value == floor(value);
}

static bool
parse_spreads(TextParser *parser, Reference *reference)
{
	int			count = 0;

	if (!take(parser, '[', "The spread must begin with \"[\"."))
		return false;
	do
	{
		double		spread;

		if (!text_parse_double(parser, &spread, "There must be a number before each comma and before \"]\"."))
			return false;
		if (!(spread >= 0 && spread <= REFERENCE_LARGEST_SPREAD))
			return text_fail(parser, "A spread must be 0 to 1e17.");
		if (count < reference->dimensions)
			reference->x[reference->dimensions + count] = (float) (spread * spread);
		count++;
	} while (text_take(parser, ','));
	if (count != reference->dimensions)
		return text_fail(parser, "Mean and spread must have the same number of dimensions.");
	return take(parser, ']', "There must be a comma or \"]\" after each number.");
}

/* No value is beyond what elastic_sequence() cuts off at. */
static bool
values_are_valid(const int8_t *value, int length)
{
	for (int i = 0; i < length * ELASTIC_VALUES; i++)
	{
		if (value[i] < -INT8_MAX)
			return false;
	}
	return true;
}

/* "{...}" -> a copy of the reference with these trajectories; NULL after a soft error. */
static Reference *
parse_sequences(TextParser *parser, const Reference *reference)
{
	ElasticSequence sequence[REFERENCE_SEQUENCES];
	int			expected = Min(reference->count, REFERENCE_SEQUENCES);
	int			count = 0;

	if (!take(parser, '{', "The trajectories must begin with \"{\"."))
		return NULL;
	do
	{
		size_t		digits = strspn(parser->at, "0123456789abcdefABCDEF");
		ElasticSequence *next = &sequence[count];

		if (count++ == expected)
			break;
		next->length = (int) (Min(digits, 2 * ELASTIC_VALUES * (ELASTIC_MOST + 1)) / (2 * ELASTIC_VALUES));
		if (digits % (2 * ELASTIC_VALUES) != 0 || next->length < ELASTIC_LEAST || next->length > ELASTIC_MOST)
		{
			text_fail(parser, "A trajectory must have 16 to 1000 points, each of ten hexadecimal digits.");
			return NULL;
		}
		next->value = palloc(digits / 2);
		hex_decode(parser->at, digits, (char *) next->value);
		if (!values_are_valid(next->value, next->length))
		{
			text_fail(parser, "The values of a trajectory must be from -127 to 127.");
			return NULL;
		}
		parser->at += digits;
	} while (text_take(parser, ','));
	if (count != expected)
	{
		text_fail(parser, "There must be a trajectory for each signature that counts, but not more than six.");
		return NULL;
	}
	if (!take(parser, '}', "There must be a comma or \"}\" behind each trajectory."))
		return NULL;
	return reference_with_sequences(reference, sequence, count);
}

static Reference *
parse_reference(TextParser *parser)
{
	Reference  *reference;
	Embedding  *mean;
	double		count;
	double		window;

	text_skip_space(parser);
	if (!take(parser, '(', "A reference must begin with \"(\".") ||
		!text_parse_double(parser, &count, NO_NUMBER) ||
		!take(parser, '/', "There must be \"/\" between the count and the window.") ||
		!text_parse_double(parser, &window, NO_NUMBER))
		return NULL;
	if (!is_count(window, REFERENCE_LARGEST_WINDOW) || !is_count(count, window))
	{
		text_fail(parser, "Count and window must be whole numbers: 1 <= count <= window <= 1000.");
		return NULL;
	}
	if (!take(parser, ',', "There must be a comma behind the window.") ||
		(mean = text_parse_embedding(parser)) == NULL ||
		!take(parser, ',', "There must be a comma behind the mean."))
		return NULL;
	reference = reference_make(mean->dimensions, (Metric) mean->metric, mean->model, (int) window);
	reference->count = (uint16) count;
	memcpy(reference->x, mean->x, sizeof(float) * mean->dimensions);
	if (!parse_spreads(parser, reference))
		return NULL;
	text_skip_space(parser);
	if (text_take(parser, ',') && (reference = parse_sequences(parser, reference)) == NULL)
		return NULL;
	return take(parser, ')', "There must be \")\" behind the spread.") ? reference : NULL;
}

Datum
siamese_reference_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	TextParser	parser = {"reference", text, text, fcinfo->context};
	Reference  *reference = parse_reference(&parser);

	if (reference == NULL || !text_parse_end(&parser))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(reference);
}

/* The root of a variance: short if it was given so, else long enough. */
static void
append_spread(StringInfo out, float variance)
{
	char		number[DOUBLE_SHORTEST_DECIMAL_LEN];
	double		read;

	float_to_shortest_decimal_buf(sqrtf(variance), number);
	read = strtod(number, NULL);
	if ((float) (read * read) != variance)
		double_to_shortest_decimal_buf(sqrt(variance), number);
	appendStringInfoString(out, number);
}

static void
append_sequences(StringInfo out, const Reference *reference)
{
	ElasticSequence sequence[REFERENCE_SEQUENCES];
	int			count = reference_sequences(reference);

	reference_get_sequences(reference, sequence);
	for (int i = 0; i < count; i++)
	{
		int			bytes = sequence[i].length * ELASTIC_VALUES;

		appendStringInfoString(out, i == 0 ? ",{" : ",");
		enlargeStringInfo(out, 2 * bytes);
		out->len += (int) hex_encode((const char *) sequence[i].value, bytes, out->data + out->len);
		out->data[out->len] = '\0';
	}
	if (count > 0)
		appendStringInfoChar(out, '}');
}

Datum
siamese_reference_out(PG_FUNCTION_ARGS)
{
	Reference  *reference = PG_GETARG_REFERENCE(0);
	Embedding  *mean = embedding_make(reference->dimensions, (Metric) reference->metric, reference->model);
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, "(%d/%d,", reference->count, reference->window);
	memcpy(mean->x, reference->x, sizeof(float) * reference->dimensions);
	text_append_embedding(&out, mean);
	appendStringInfoChar(&out, ',');
	appendStringInfoChar(&out, '[');
	for (int i = 0; i < reference->dimensions; i++)
	{
		if (i > 0)
			appendStringInfoChar(&out, ',');
		append_spread(&out, reference_variance(reference)[i]);
	}
	appendStringInfoChar(&out, ']');
	append_sequences(&out, reference);
	appendStringInfoChar(&out, ')');
	PG_RETURN_CSTRING(out.data);
}

static Reference *
receive_sequences(StringInfo message, const Reference *reference)
{
	ElasticSequence sequence[REFERENCE_SEQUENCES];
	int			count = Min(reference->count, REFERENCE_SEQUENCES);

	for (int i = 0; i < count; i++)
	{
		int			length = message->len - message->cursor >= 2 ? (int) pq_getmsgint(message, 2) : 0;
		int			bytes = length * ELASTIC_VALUES;

		if (length < ELASTIC_LEAST || length > ELASTIC_MOST || bytes > message->len - message->cursor)
			check_bad_binary("reference", "Trajectory %d of %d has %d points and %d bytes are left; it must have %d to %d points of %d bytes.",
							 i + 1, count, length, message->len - message->cursor, ELASTIC_LEAST, ELASTIC_MOST, ELASTIC_VALUES);
		sequence[i].length = length;
		sequence[i].value = (int8_t *) pq_getmsgbytes(message, bytes);
		if (!values_are_valid(sequence[i].value, length))
			check_bad_binary("reference", "A value of trajectory %d is -128; the least is -127.", i + 1);
	}
	if (message->cursor < message->len)
		check_bad_binary("reference", "%d bytes follow the last trajectory.", message->len - message->cursor);
	return reference_with_sequences(reference, sequence, count);
}

Datum
siamese_reference_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			left = message->len - message->cursor;
	int			dimensions;
	int			metric;
	int			version;
	uint64		model;
	int			count;
	int			window;
	Reference  *reference;

	if (left < HEADER_BYTES)
		check_bad_binary("reference", "The header has %d bytes, not %d.", left, HEADER_BYTES);
	dimensions = (uint16) pq_getmsgint(message, 2);
	metric = pq_getmsgbyte(message);
	version = pq_getmsgbyte(message);
	model = (uint64) pq_getmsgint64(message);
	count = (uint16) pq_getmsgint(message, 2);
	window = (uint16) pq_getmsgint(message, 2);
	left -= HEADER_BYTES;
	if (version != REFERENCE_VERSION)
		check_bad_binary("reference", "The version is %d; this server knows version %d.", version, REFERENCE_VERSION);
	if (metric >= METRIC_COUNT)
		check_bad_binary("reference", "The distance has number %d; the highest is %d.", metric, METRIC_COUNT - 1);
	if (count < 1 || count > window || window > REFERENCE_LARGEST_WINDOW)
		check_bad_binary("reference", "Count %d and window %d must be 1 <= count <= window <= %d.", count, window,
						 REFERENCE_LARGEST_WINDOW);
	check_dimensions(dimensions, NULL);
	if (left < 2 * dimensions * (int) sizeof(float))
		check_bad_binary("reference", "%d bytes follow the header; %d dimensions have %d.", left, dimensions,
						 2 * dimensions * (int) sizeof(float));
	reference = reference_make(dimensions, (Metric) metric, model, window);
	reference->count = (uint16) count;
	for (int i = 0; i < 2 * dimensions; i++)
	{
		reference->x[i] = pq_getmsgfloat4(message);
		check_finite(reference->x[i], i, NULL);
		if (i >= dimensions && reference->x[i] < 0)
			check_bad_binary("reference", "Variance %d is negative.", i - dimensions + 1);
	}
	reference_finish(reference);
	if (message->cursor < message->len)
		reference = receive_sequences(message, reference);
	PG_RETURN_POINTER(reference);
}

Datum
siamese_reference_send(PG_FUNCTION_ARGS)
{
	Reference  *reference = PG_GETARG_REFERENCE(0);
	ElasticSequence sequence[REFERENCE_SEQUENCES];
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint16(&message, reference->dimensions);
	pq_sendint8(&message, reference->metric);
	pq_sendint8(&message, reference->version);
	pq_sendint64(&message, reference->model);
	pq_sendint16(&message, reference->count);
	pq_sendint16(&message, reference->window);
	for (int i = 0; i < 2 * reference->dimensions; i++)
		pq_sendfloat4(&message, reference->x[i]);
	reference_get_sequences(reference, sequence);
	for (int i = 0; i < reference_sequences(reference); i++)
	{
		pq_sendint16(&message, (uint16) sequence[i].length);
		pq_sendbytes(&message, (const char *) sequence[i].value, sequence[i].length * ELASTIC_VALUES);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}
