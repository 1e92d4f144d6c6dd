/*
 * binary.c: binary receive and send of embedding and ball; every field is checked.
 *
 * In network byte order.  Embedding: uint16 dimensions, uint8 metric, uint8 version, uint64 fingerprint, float4 values.
 * Ball: float8 radius, then the centre.
 */
#include "postgres.h"

#include "fmgr.h"
#include "libpq/pqformat.h"

#include "common/check.h"
#include "common/compat.h"
#include "embedding/embedding.h"
#include "embedding/embedding_internal.h"

PG_FUNCTION_INFO_V1(siamese_embedding_recv);
PG_FUNCTION_INFO_V1(siamese_embedding_send);
PG_FUNCTION_INFO_V1(siamese_ball_recv);
PG_FUNCTION_INFO_V1(siamese_ball_send);

#define HEADER_BYTES 12			/* of an embedding in a message */

/* The rest of the message is one embedding. */
static Embedding *
receive_embedding(StringInfo message, const char *type_name)
{
	int			left = message->len - message->cursor;
	int			dimensions;
	int			metric;
	int			version;
	uint64		model;
	Embedding  *embedding;

	if (left < HEADER_BYTES)
		check_bad_binary(type_name, "The embedding's header has %d bytes, not %d.", left, HEADER_BYTES);
	dimensions = (uint16) pq_getmsgint(message, 2);
	metric = pq_getmsgbyte(message);
	version = pq_getmsgbyte(message);
	model = (uint64) pq_getmsgint64(message);
	left -= HEADER_BYTES;

	if (version != EMBEDDING_VERSION)
		check_bad_binary(type_name, "The version is %d; this server knows version %d.", version, EMBEDDING_VERSION);
	if (metric >= METRIC_COUNT)
		check_bad_binary(type_name, "The distance has number %d; the highest is %d.", metric, METRIC_COUNT - 1);
	check_dimensions(dimensions, NULL);
	if (left != dimensions * (int) sizeof(float))
		check_bad_binary(type_name, "%d bytes follow the header; %d dimensions have %d.", left, dimensions,
						 dimensions * (int) sizeof(float));

	embedding = embedding_allocate(dimensions, (Metric) metric, model);
	for (int i = 0; i < dimensions; i++)
		embedding->x[i] = pq_getmsgfloat4(message);
	embedding_finish(embedding);
	return embedding;
}

static void
send_embedding(StringInfo message, const Embedding *embedding)
{
	pq_sendint16(message, embedding->dimensions);
	pq_sendint8(message, embedding->metric);
	pq_sendint8(message, embedding->version);
	pq_sendint64(message, embedding->model);
	for (int i = 0; i < embedding->dimensions; i++)
		pq_sendfloat4(message, embedding->x[i]);
}

Datum
siamese_embedding_recv(PG_FUNCTION_ARGS)
{
	Embedding  *embedding = receive_embedding((StringInfo) PG_GETARG_POINTER(0), "embedding");

	check_expected_dimensions(PG_GETARG_INT32(2), embedding->dimensions, NULL);
	PG_RETURN_EMBEDDING(embedding);
}

Datum
siamese_embedding_send(PG_FUNCTION_ARGS)
{
	StringInfoData message;

	pq_begintypsend(&message);
	send_embedding(&message, PG_GETARG_EMBEDDING(0));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

Datum
siamese_ball_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	double		radius;

	if (message->len - message->cursor < (int) sizeof(double))
		check_bad_binary("ball", "The radius has %d bytes, not %d.", message->len - message->cursor,
						 (int) sizeof(double));
	radius = pq_getmsgfloat8(message);
	PG_RETURN_BALL(ball_make(receive_embedding(message, "ball"), radius));
}

Datum
siamese_ball_send(PG_FUNCTION_ARGS)
{
	Ball	   *ball = PG_GETARG_BALL(0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendfloat8(&message, ball->radius);
	send_embedding(&message, ball_center(ball));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}
