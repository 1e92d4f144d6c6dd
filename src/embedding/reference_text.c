/*
 * reference_text.c: a reference as text and as a binary message.
 *
 *   (6/6,[0.1,...]@cosine:0123456789abcdef,[0.2,...])    count / window, mean, spread: the root of each variance
 *   (6/6,[0.1,...]@cosine:0123456789abcdef,[0.2,...],{fe01...,...})    and trajectories for elastic matching, in hexadecimal;
 *                                                                      picture{...}: pictures
 *
 * A spread has as many digits as it takes for its square to be the same variance again, bit for bit.
 *
 * Message, in network byte order: uint16 dimensions, uint8 metric, uint8 version, uint64 fingerprint, uint16 count, uint16
 * window, float4 means, float4 variances; then, if there are specimens, uint8 SpecimenKind, and of each uint16 length and its values.
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

/* The next word if it is this one. */
static bool
take_word(TextParser *parser, const char *word)
{
	text_skip_space(parser);
	if (strncmp(parser->at, word, strlen(word)) != 0)
		return false;
	parser->at += strlen(word);
	return true;
}

/* Hexadecimal digits -> a specimen; false after a soft error. */
static bool
parse_specimen(TextParser *parser, Specimen *specimen)
{
	size_t		digits = strspn(parser->at, "0123456789abcdefABCDEF");
	size_t		unit = 2 * (size_t) specimen_unit(specimen->kind);
	size_t		most = specimen_most(specimen->kind);

	specimen->length = (int) Min(digits / unit, most + 1);
	if (digits % unit != 0 || specimen->length < specimen_least(specimen->kind) || digits / unit > most)
		return text_fail(parser, specimen->kind == SPECIMEN_PEN ? "A trajectory must have 16 to 1000 points, each of ten hexadecimal digits."
						 : "A picture must have at most 4096 places, each of 52 hexadecimal digits.");
	specimen->value = palloc(digits / 2 + 1);
	hex_decode(parser->at, digits, (char *) specimen->value);
	if (!specimen_is_valid(specimen))
		return text_fail(parser, specimen->kind == SPECIMEN_PEN ? "The values of a trajectory must be from -127 to 127."
						 : "The places of a picture must rise by row and column, from 0 to 63.");
	parser->at += digits;
	return true;
}

/* "{...}" of trajectories, or "picture{...}" -> a copy of the reference with these specimens; NULL after a soft error. */
static Reference *
parse_specimens(TextParser *parser, const Reference *reference)
{
	Specimen	specimen[REFERENCE_SPECIMENS];
	SpecimenKind kind = take_word(parser, "picture") ? SPECIMEN_PICTURE : SPECIMEN_PEN;
	int			expected = Min(reference->count, REFERENCE_SPECIMENS);
	int			count = 0;

	if (!take(parser, '{', "The specimens must begin with \"{\" or \"picture{\"."))
		return NULL;
	do
	{
		if (count++ == expected)
			break;
		specimen[count - 1].kind = kind;
		if (!parse_specimen(parser, &specimen[count - 1]))
			return NULL;
	} while (text_take(parser, ','));
	if (count != expected)
	{
		text_fail(parser, "There must be a specimen for each sample that counts, but not more than six.");
		return NULL;
	}
	if (!take(parser, '}', "There must be a comma or \"}\" behind each specimen."))
		return NULL;
	return reference_with_specimens(reference, specimen, count);
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
	if (text_take(parser, ',') && (reference = parse_specimens(parser, reference)) == NULL)
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
append_specimens(StringInfo out, const Reference *reference)
{
	Specimen	specimen[REFERENCE_SPECIMENS];
	int			count = reference_specimens(reference);

	reference_get_specimens(reference, specimen);
	for (int i = 0; i < count; i++)
	{
		int			bytes = (int) specimen_bytes(&specimen[i]);

		appendStringInfoString(out, i > 0 ? "," : specimen[0].kind == SPECIMEN_PEN ? ",{" : ",picture{");
		enlargeStringInfo(out, 2 * bytes);
		out->len += (int) hex_encode((const char *) specimen[i].value, bytes, out->data + out->len);
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
	append_specimens(&out, reference);
	appendStringInfoChar(&out, ')');
	PG_RETURN_CSTRING(out.data);
}

static Reference *
receive_specimens(StringInfo message, const Reference *reference)
{
	Specimen	specimen[REFERENCE_SPECIMENS];
	int			count = Min(reference->count, REFERENCE_SPECIMENS);
	int			kind = pq_getmsgbyte(message);

	if (kind <= SPECIMEN_NONE || kind >= SPECIMEN_KINDS)
		check_bad_binary("reference", "The specimens are of kind %d; it must be 1 to %d.", kind, SPECIMEN_KINDS - 1);
	for (int i = 0; i < count; i++)
	{
		specimen[i].kind = (SpecimenKind) kind;
		specimen[i].length = message->len - message->cursor >= 2 ? (int) pq_getmsgint(message, 2) : -1;
		if (specimen[i].length < specimen_least(kind) || specimen[i].length > specimen_most(kind) ||
			(int) specimen_bytes(&specimen[i]) > message->len - message->cursor)
			check_bad_binary("reference", "The %s %d of %d has length %d and %d bytes are left; it must be %d to %d times %d bytes.",
							 specimen_name(kind), i + 1, count, specimen[i].length, message->len - message->cursor,
							 specimen_least(kind), specimen_most(kind), specimen_unit(kind));
		specimen[i].value = (uint8 *) pq_getmsgbytes(message, (int) specimen_bytes(&specimen[i]));
		if (!specimen_is_valid(&specimen[i]))
			check_bad_binary("reference", "The %s %d holds values that none has.", specimen_name(kind), i + 1);
	}
	if (message->cursor < message->len)
		check_bad_binary("reference", "%d bytes follow the last specimen.", message->len - message->cursor);
	return reference_with_specimens(reference, specimen, count);
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
		reference = receive_specimens(message, reference);
	PG_RETURN_POINTER(reference);
}

Datum
siamese_reference_send(PG_FUNCTION_ARGS)
{
	Reference  *reference = PG_GETARG_REFERENCE(0);
	Specimen	specimen[REFERENCE_SPECIMENS];
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
	reference_get_specimens(reference, specimen);
	if (reference_specimens(reference) > 0)
		pq_sendint8(&message, reference_specimen_kind(reference));
	for (int i = 0; i < reference_specimens(reference); i++)
	{
		pq_sendint16(&message, (uint16) specimen[i].length);
		pq_sendbytes(&message, (const char *) specimen[i].value, (int) specimen_bytes(&specimen[i]));
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}
