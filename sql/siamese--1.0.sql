-- siamese: similarity search that learns.  The installation script; sql/siamese--1.0.sql is a copy.
\echo Use "CREATE EXTENSION siamese" to load this file. \quit

-- ---- embedding: the type, its distances, order and aggregates --------------------------------------------------------

CREATE TYPE @extschema@.embedding;
CREATE FUNCTION @extschema@.embedding_in(cstring, oid, integer) RETURNS @extschema@.embedding
	AS 'MODULE_PATHNAME', 'siamese_embedding_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding_in(cstring, oid, integer) IS 'text input';
CREATE FUNCTION @extschema@.embedding_out(@extschema@.embedding) RETURNS cstring
	AS 'MODULE_PATHNAME', 'siamese_embedding_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding_out(@extschema@.embedding) IS 'text output';
CREATE FUNCTION @extschema@.embedding_recv(internal, oid, integer) RETURNS @extschema@.embedding
	AS 'MODULE_PATHNAME', 'siamese_embedding_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding_recv(internal, oid, integer) IS 'binary input';
CREATE FUNCTION @extschema@.embedding_send(@extschema@.embedding) RETURNS bytea
	AS 'MODULE_PATHNAME', 'siamese_embedding_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding_send(@extschema@.embedding) IS 'binary output';
CREATE FUNCTION @extschema@.embedding_typmod_in(cstring[]) RETURNS integer
	AS 'MODULE_PATHNAME', 'siamese_embedding_typmod_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding_typmod_in(cstring[]) IS 'type modifier: the number of dimensions';
CREATE FUNCTION @extschema@.embedding_analyze(internal) RETURNS boolean
	AS 'MODULE_PATHNAME', 'siamese_embedding_analyze' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION @extschema@.embedding_analyze(internal) IS 'ANALYZE: keeps samples and the distribution of distances from them, for the estimates of <@ and ~=';
CREATE TYPE @extschema@.embedding (
	INPUT = @extschema@.embedding_in,
	OUTPUT = @extschema@.embedding_out,
	RECEIVE = @extschema@.embedding_recv,
	SEND = @extschema@.embedding_send,
	TYPMOD_IN = @extschema@.embedding_typmod_in,
	ANALYZE = @extschema@.embedding_analyze,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = double,
	STORAGE = external
);
COMMENT ON TYPE @extschema@.embedding IS 'output vector of a twin network, with the fingerprint of its model and the distance it was trained for: [1,2,3]@l1:0123456789abcdef';

-- what it carries

CREATE FUNCTION @extschema@.dimensions(@extschema@.embedding) RETURNS integer
	AS 'MODULE_PATHNAME', 'siamese_embedding_dimensions' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.dimensions(@extschema@.embedding) IS 'number of dimensions of the embedding';
CREATE FUNCTION @extschema@.metric(@extschema@.embedding) RETURNS text
	AS 'MODULE_PATHNAME', 'siamese_embedding_metric' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.metric(@extschema@.embedding) IS 'distance of the embedding: l2, l1 or cosine';
CREATE FUNCTION @extschema@.model(@extschema@.embedding) RETURNS text
	AS 'MODULE_PATHNAME', 'siamese_embedding_model' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.model(@extschema@.embedding) IS 'fingerprint of the model that made the embedding, 16 hexadecimal digits; NULL if it is unbound';

-- from and to arrays

CREATE FUNCTION @extschema@.embedding(@extschema@.embedding, integer, boolean) RETURNS @extschema@.embedding
	AS 'MODULE_PATHNAME', 'siamese_embedding_coerce' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding(@extschema@.embedding, integer, boolean) IS 'checks the number of dimensions against the type modifier';
CREATE FUNCTION @extschema@.embedding(real[], integer, boolean) RETURNS @extschema@.embedding
	AS 'MODULE_PATHNAME', 'siamese_embedding_of_real' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding(real[], integer, boolean) IS 'unbound embedding with distance l2 of an array';
CREATE FUNCTION @extschema@.embedding(double precision[], integer, boolean) RETURNS @extschema@.embedding
	AS 'MODULE_PATHNAME', 'siamese_embedding_of_double' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding(double precision[], integer, boolean) IS 'unbound embedding with distance l2 of an array, rounded to single precision';
CREATE FUNCTION @extschema@.embedding_to_real(@extschema@.embedding) RETURNS real[]
	AS 'MODULE_PATHNAME', 'siamese_embedding_to_real' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding_to_real(@extschema@.embedding) IS 'values of the embedding as an array';
CREATE FUNCTION @extschema@.to_embedding("values" real[], metric text) RETURNS @extschema@.embedding
	AS 'MODULE_PATHNAME', 'siamese_to_embedding' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.to_embedding(real[], text) IS 'unbound embedding of an array, with distance l2, l1 or cosine';
CREATE CAST (@extschema@.embedding AS @extschema@.embedding) WITH FUNCTION @extschema@.embedding(@extschema@.embedding, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (@extschema@.embedding AS @extschema@.embedding) IS 'checks the number of dimensions';
CREATE CAST (real[] AS @extschema@.embedding) WITH FUNCTION @extschema@.embedding(real[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (real[] AS @extschema@.embedding) IS 'unbound embedding with distance l2';
CREATE CAST (double precision[] AS @extschema@.embedding) WITH FUNCTION @extschema@.embedding(double precision[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (double precision[] AS @extschema@.embedding) IS 'unbound embedding with distance l2, rounded to single precision';
CREATE CAST (@extschema@.embedding AS real[]) WITH FUNCTION @extschema@.embedding_to_real(@extschema@.embedding) AS ASSIGNMENT;
COMMENT ON CAST (@extschema@.embedding AS real[]) IS 'values of the embedding; model and distance are left behind';

-- distances

CREATE FUNCTION @extschema@.distance_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'siamese_distance_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.distance_support(internal) IS 'planner support of distances: their cost by the number of dimensions, and whether the values lie out of line';
CREATE FUNCTION @extschema@.embedding_distance(@extschema@.embedding, @extschema@.embedding) RETURNS double precision
	AS 'MODULE_PATHNAME', 'siamese_embedding_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5
	SUPPORT @extschema@.distance_support;
COMMENT ON FUNCTION @extschema@.embedding_distance(@extschema@.embedding, @extschema@.embedding) IS 'implementation of <-> operator';
CREATE FUNCTION @extschema@.l1_distance(@extschema@.embedding, @extschema@.embedding) RETURNS double precision
	AS 'MODULE_PATHNAME', 'siamese_l1_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5
	SUPPORT @extschema@.distance_support;
COMMENT ON FUNCTION @extschema@.l1_distance(@extschema@.embedding, @extschema@.embedding) IS 'taxicab distance, whatever the models';
CREATE FUNCTION @extschema@.l2_distance(@extschema@.embedding, @extschema@.embedding) RETURNS double precision
	AS 'MODULE_PATHNAME', 'siamese_l2_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5
	SUPPORT @extschema@.distance_support;
COMMENT ON FUNCTION @extschema@.l2_distance(@extschema@.embedding, @extschema@.embedding) IS 'Euclidean distance, whatever the models';
CREATE FUNCTION @extschema@.cosine_distance(@extschema@.embedding, @extschema@.embedding) RETURNS double precision
	AS 'MODULE_PATHNAME', 'siamese_cosine_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5
	SUPPORT @extschema@.distance_support;
COMMENT ON FUNCTION @extschema@.cosine_distance(@extschema@.embedding, @extschema@.embedding) IS '1 - cosine of the angle, whatever the models; <-> of a model with distance cosine is the chord, sqrt(2 * cosine_distance), which is a metric';
CREATE OPERATOR @extschema@.<-> (
	FUNCTION = @extschema@.embedding_distance, LEFTARG = @extschema@.embedding, RIGHTARG = @extschema@.embedding,
	COMMUTATOR = OPERATOR(@extschema@.<->)
);
COMMENT ON OPERATOR @extschema@.<-> (@extschema@.embedding, @extschema@.embedding) IS 'distance that the model was trained for; for cosine the chord sqrt(2 - 2 cos)';

-- balls

CREATE TYPE @extschema@.ball;
CREATE FUNCTION @extschema@.ball_in(cstring) RETURNS @extschema@.ball
	AS 'MODULE_PATHNAME', 'siamese_ball_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ball_in(cstring) IS 'text input';
CREATE FUNCTION @extschema@.ball_out(@extschema@.ball) RETURNS cstring
	AS 'MODULE_PATHNAME', 'siamese_ball_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ball_out(@extschema@.ball) IS 'text output';
CREATE FUNCTION @extschema@.ball_recv(internal) RETURNS @extschema@.ball
	AS 'MODULE_PATHNAME', 'siamese_ball_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ball_recv(internal) IS 'binary input';
CREATE FUNCTION @extschema@.ball_send(@extschema@.ball) RETURNS bytea
	AS 'MODULE_PATHNAME', 'siamese_ball_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ball_send(@extschema@.ball) IS 'binary output';
CREATE TYPE @extschema@.ball (
	INPUT = @extschema@.ball_in,
	OUTPUT = @extschema@.ball_out,
	RECEIVE = @extschema@.ball_recv,
	SEND = @extschema@.ball_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = double,
	STORAGE = external
);
COMMENT ON TYPE @extschema@.ball IS 'all embeddings within a radius of a centre: <[1,2,3]@l1:0123456789abcdef,0.35>';
CREATE FUNCTION @extschema@.ball(center @extschema@.embedding, radius double precision) RETURNS @extschema@.ball
	AS 'MODULE_PATHNAME', 'siamese_ball' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ball(@extschema@.embedding, double precision) IS 'ball of a centre and a radius';
CREATE FUNCTION @extschema@.center(@extschema@.ball) RETURNS @extschema@.embedding
	AS 'MODULE_PATHNAME', 'siamese_ball_center' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.center(@extschema@.ball) IS 'centre of the ball';
CREATE FUNCTION @extschema@.radius(@extschema@.ball) RETURNS double precision
	AS 'MODULE_PATHNAME', 'siamese_ball_radius' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.radius(@extschema@.ball) IS 'radius of the ball';
CREATE FUNCTION @extschema@.embedding_in_ball(@extschema@.embedding, @extschema@.ball) RETURNS boolean
	AS 'MODULE_PATHNAME', 'siamese_embedding_in_ball' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5
	SUPPORT @extschema@.distance_support;
COMMENT ON FUNCTION @extschema@.embedding_in_ball(@extschema@.embedding, @extschema@.ball) IS 'implementation of <@ operator';
CREATE FUNCTION @extschema@.ball_contains(@extschema@.ball, @extschema@.embedding) RETURNS boolean
	AS 'MODULE_PATHNAME', 'siamese_ball_contains' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5
	SUPPORT @extschema@.distance_support;
COMMENT ON FUNCTION @extschema@.ball_contains(@extschema@.ball, @extschema@.embedding) IS 'implementation of @> operator';
CREATE FUNCTION @extschema@.ball_selectivity(internal, oid, internal, integer) RETURNS double precision
	AS 'MODULE_PATHNAME', 'siamese_ball_selectivity' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ball_selectivity(internal, oid, internal, integer) IS 'restriction selectivity of <@ and @>';
CREATE FUNCTION @extschema@.ball_join_selectivity(internal, oid, internal, smallint, internal) RETURNS double precision
	AS 'MODULE_PATHNAME', 'siamese_ball_join_selectivity' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ball_join_selectivity(internal, oid, internal, smallint, internal) IS 'join selectivity of <@ and @>';
CREATE OPERATOR @extschema@.<@ (
	FUNCTION = @extschema@.embedding_in_ball, LEFTARG = @extschema@.embedding, RIGHTARG = @extschema@.ball,
	COMMUTATOR = OPERATOR(@extschema@.@>),
	RESTRICT = @extschema@.ball_selectivity,
	JOIN = @extschema@.ball_join_selectivity
);
COMMENT ON OPERATOR @extschema@.<@ (@extschema@.embedding, @extschema@.ball) IS 'is within the ball';
CREATE OPERATOR @extschema@.@> (
	FUNCTION = @extschema@.ball_contains, LEFTARG = @extschema@.ball, RIGHTARG = @extschema@.embedding,
	COMMUTATOR = OPERATOR(@extschema@.<@),
	RESTRICT = @extschema@.ball_selectivity,
	JOIN = @extschema@.ball_join_selectivity
);
COMMENT ON OPERATOR @extschema@.@> (@extschema@.ball, @extschema@.embedding) IS 'contains the embedding';

-- equality and order, by distance, model, dimensions and values; embeddings of different models are merely unequal

CREATE FUNCTION @extschema@.embedding_eq(@extschema@.embedding, @extschema@.embedding) RETURNS boolean
	AS 'MODULE_PATHNAME', 'siamese_embedding_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding_eq(@extschema@.embedding, @extschema@.embedding) IS 'implementation of = operator';
CREATE FUNCTION @extschema@.embedding_ne(@extschema@.embedding, @extschema@.embedding) RETURNS boolean
	AS 'MODULE_PATHNAME', 'siamese_embedding_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding_ne(@extschema@.embedding, @extschema@.embedding) IS 'implementation of <> operator';
CREATE FUNCTION @extschema@.embedding_lt(@extschema@.embedding, @extschema@.embedding) RETURNS boolean
	AS 'MODULE_PATHNAME', 'siamese_embedding_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding_lt(@extschema@.embedding, @extschema@.embedding) IS 'implementation of < operator';
CREATE FUNCTION @extschema@.embedding_le(@extschema@.embedding, @extschema@.embedding) RETURNS boolean
	AS 'MODULE_PATHNAME', 'siamese_embedding_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding_le(@extschema@.embedding, @extschema@.embedding) IS 'implementation of <= operator';
CREATE FUNCTION @extschema@.embedding_gt(@extschema@.embedding, @extschema@.embedding) RETURNS boolean
	AS 'MODULE_PATHNAME', 'siamese_embedding_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding_gt(@extschema@.embedding, @extschema@.embedding) IS 'implementation of > operator';
CREATE FUNCTION @extschema@.embedding_ge(@extschema@.embedding, @extschema@.embedding) RETURNS boolean
	AS 'MODULE_PATHNAME', 'siamese_embedding_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding_ge(@extschema@.embedding, @extschema@.embedding) IS 'implementation of >= operator';
CREATE FUNCTION @extschema@.embedding_cmp(@extschema@.embedding, @extschema@.embedding) RETURNS integer
	AS 'MODULE_PATHNAME', 'siamese_embedding_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding_cmp(@extschema@.embedding, @extschema@.embedding) IS 'less-equal-greater';
CREATE FUNCTION @extschema@.embedding_hash(@extschema@.embedding) RETURNS integer
	AS 'MODULE_PATHNAME', 'siamese_embedding_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding_hash(@extschema@.embedding) IS 'hash';
CREATE FUNCTION @extschema@.embedding_hash_extended(@extschema@.embedding, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'siamese_embedding_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding_hash_extended(@extschema@.embedding, bigint) IS 'hash with a seed';
CREATE OPERATOR @extschema@.= (
	FUNCTION = @extschema@.embedding_eq, LEFTARG = @extschema@.embedding, RIGHTARG = @extschema@.embedding,
	COMMUTATOR = OPERATOR(@extschema@.=),
	NEGATOR = OPERATOR(@extschema@.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel,
	HASHES, MERGES
);
COMMENT ON OPERATOR @extschema@.= (@extschema@.embedding, @extschema@.embedding) IS 'equal';
CREATE OPERATOR @extschema@.<> (
	FUNCTION = @extschema@.embedding_ne, LEFTARG = @extschema@.embedding, RIGHTARG = @extschema@.embedding,
	COMMUTATOR = OPERATOR(@extschema@.<>),
	NEGATOR = OPERATOR(@extschema@.=),
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR @extschema@.<> (@extschema@.embedding, @extschema@.embedding) IS 'not equal';
CREATE OPERATOR @extschema@.< (
	FUNCTION = @extschema@.embedding_lt, LEFTARG = @extschema@.embedding, RIGHTARG = @extschema@.embedding,
	COMMUTATOR = OPERATOR(@extschema@.>),
	NEGATOR = OPERATOR(@extschema@.>=),
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR @extschema@.< (@extschema@.embedding, @extschema@.embedding) IS 'less than';
CREATE OPERATOR @extschema@.<= (
	FUNCTION = @extschema@.embedding_le, LEFTARG = @extschema@.embedding, RIGHTARG = @extschema@.embedding,
	COMMUTATOR = OPERATOR(@extschema@.>=),
	NEGATOR = OPERATOR(@extschema@.>),
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR @extschema@.<= (@extschema@.embedding, @extschema@.embedding) IS 'less than or equal';
CREATE OPERATOR @extschema@.> (
	FUNCTION = @extschema@.embedding_gt, LEFTARG = @extschema@.embedding, RIGHTARG = @extschema@.embedding,
	COMMUTATOR = OPERATOR(@extschema@.<),
	NEGATOR = OPERATOR(@extschema@.<=),
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR @extschema@.> (@extschema@.embedding, @extschema@.embedding) IS 'greater than';
CREATE OPERATOR @extschema@.>= (
	FUNCTION = @extschema@.embedding_ge, LEFTARG = @extschema@.embedding, RIGHTARG = @extschema@.embedding,
	COMMUTATOR = OPERATOR(@extschema@.<=),
	NEGATOR = OPERATOR(@extschema@.<),
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR @extschema@.>= (@extschema@.embedding, @extschema@.embedding) IS 'greater than or equal';
CREATE OPERATOR CLASS @extschema@.embedding_ops DEFAULT FOR TYPE @extschema@.embedding USING btree AS
	OPERATOR 1 @extschema@.<,
	OPERATOR 2 @extschema@.<=,
	OPERATOR 3 @extschema@.=,
	OPERATOR 4 @extschema@.>=,
	OPERATOR 5 @extschema@.>,
	FUNCTION 1 @extschema@.embedding_cmp(@extschema@.embedding, @extschema@.embedding);
COMMENT ON OPERATOR CLASS @extschema@.embedding_ops USING btree IS 'total order of embeddings, for sorting, DISTINCT and merge joins';
COMMENT ON OPERATOR FAMILY @extschema@.embedding_ops USING btree IS 'total order of embeddings, for sorting, DISTINCT and merge joins';
CREATE OPERATOR CLASS @extschema@.embedding_ops DEFAULT FOR TYPE @extschema@.embedding USING hash AS
	OPERATOR 1 @extschema@.=,
	FUNCTION 1 @extschema@.embedding_hash(@extschema@.embedding),
	FUNCTION 2 @extschema@.embedding_hash_extended(@extschema@.embedding, bigint);
COMMENT ON OPERATOR CLASS @extschema@.embedding_ops USING hash IS 'hash of embeddings, for grouping and hash joins';
COMMENT ON OPERATOR FAMILY @extschema@.embedding_ops USING hash IS 'hash of embeddings, for grouping and hash joins';

-- centroid

CREATE FUNCTION @extschema@.average_add(internal, @extschema@.embedding) RETURNS internal
	AS 'MODULE_PATHNAME', 'siamese_average_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.average_add(internal, @extschema@.embedding) IS 'transition of avg(embedding)';
CREATE FUNCTION @extschema@.average_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'siamese_average_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.average_combine(internal, internal) IS 'combination of two states of avg(embedding)';
CREATE FUNCTION @extschema@.average_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME', 'siamese_average_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.average_serialize(internal) IS 'state of avg(embedding) as bytes';
CREATE FUNCTION @extschema@.average_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'siamese_average_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.average_deserialize(bytea, internal) IS 'state of avg(embedding) from bytes';
CREATE FUNCTION @extschema@.average_final(internal) RETURNS @extschema@.embedding
	AS 'MODULE_PATHNAME', 'siamese_average_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.average_final(internal) IS 'result of avg(embedding)';
CREATE AGGREGATE @extschema@.avg(@extschema@.embedding) (
	SFUNC = @extschema@.average_add,
	STYPE = internal,
	FINALFUNC = @extschema@.average_final,
	COMBINEFUNC = @extschema@.average_combine,
	SERIALFUNC = @extschema@.average_serialize,
	DESERIALFUNC = @extschema@.average_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.avg(@extschema@.embedding) IS 'centroid: the mean of embeddings of one model, bound to that model';

-- reference: a person from several embeddings

CREATE TYPE @extschema@.reference;
CREATE FUNCTION @extschema@.reference_in(cstring) RETURNS @extschema@.reference
	AS 'MODULE_PATHNAME', 'siamese_reference_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.reference_in(cstring) IS 'text input';
CREATE FUNCTION @extschema@.reference_out(@extschema@.reference) RETURNS cstring
	AS 'MODULE_PATHNAME', 'siamese_reference_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.reference_out(@extschema@.reference) IS 'text output';
CREATE FUNCTION @extschema@.reference_recv(internal) RETURNS @extschema@.reference
	AS 'MODULE_PATHNAME', 'siamese_reference_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.reference_recv(internal) IS 'binary input';
CREATE FUNCTION @extschema@.reference_send(@extschema@.reference) RETURNS bytea
	AS 'MODULE_PATHNAME', 'siamese_reference_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.reference_send(@extschema@.reference) IS 'binary output';
CREATE TYPE @extschema@.reference (
	INPUT = @extschema@.reference_in,
	OUTPUT = @extschema@.reference_out,
	RECEIVE = @extschema@.reference_recv,
	SEND = @extschema@.reference_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = double,
	STORAGE = main
);
COMMENT ON TYPE @extschema@.reference IS 'a person, known by several embeddings: mean and spread of each component over the last ones: (6/6,[0.1,...]@cosine:0123456789abcdef,[0.2,...])';
CREATE FUNCTION @extschema@.reference_add(internal, @extschema@.embedding) RETURNS internal
	AS 'MODULE_PATHNAME', 'siamese_reference_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.reference_add(internal, @extschema@.embedding) IS 'transition of reference(embedding)';
CREATE FUNCTION @extschema@.reference_add(internal, @extschema@.embedding, integer) RETURNS internal
	AS 'MODULE_PATHNAME', 'siamese_reference_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.reference_add(internal, @extschema@.embedding, integer) IS 'transition of reference(embedding, window)';
CREATE FUNCTION @extschema@.reference_final(internal) RETURNS @extschema@.reference
	AS 'MODULE_PATHNAME', 'siamese_reference_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.reference_final(internal) IS 'result of reference(embedding)';
CREATE AGGREGATE @extschema@.reference(@extschema@.embedding) (
	SFUNC = @extschema@.reference_add, STYPE = internal, FINALFUNC = @extschema@.reference_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.reference(@extschema@.embedding) IS 'a person from embeddings of one model; the last 6 in the order of the input count, so ORDER BY when they were made';
CREATE AGGREGATE @extschema@.reference(@extschema@.embedding, integer) (
	SFUNC = @extschema@.reference_add, STYPE = internal, FINALFUNC = @extschema@.reference_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.reference(@extschema@.embedding, integer) IS 'the same with the last so many embeddings, 1 to 1000';
CREATE FUNCTION @extschema@.reference_update(@extschema@.reference, @extschema@.embedding) RETURNS @extschema@.reference
	AS 'MODULE_PATHNAME', 'siamese_reference_update' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.reference_update(@extschema@.reference, @extschema@.embedding) IS 'the reference with one more embedding; once as many as its window count, the older ones fade';
CREATE FUNCTION @extschema@.dimensions(@extschema@.reference) RETURNS integer
	AS 'MODULE_PATHNAME', 'siamese_reference_dimensions' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.dimensions(@extschema@.reference) IS 'number of dimensions of its embeddings';
CREATE FUNCTION @extschema@.metric(@extschema@.reference) RETURNS text
	AS 'MODULE_PATHNAME', 'siamese_reference_metric' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.metric(@extschema@.reference) IS 'distance of its embeddings: l2, l1 or cosine';
CREATE FUNCTION @extschema@.model(@extschema@.reference) RETURNS text
	AS 'MODULE_PATHNAME', 'siamese_reference_model' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.model(@extschema@.reference) IS 'fingerprint of the model of its embeddings; NULL if they are unbound';
CREATE FUNCTION @extschema@.embeddings(@extschema@.reference) RETURNS integer
	AS 'MODULE_PATHNAME', 'siamese_reference_count' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embeddings(@extschema@.reference) IS 'how many embeddings count in it';
CREATE FUNCTION @extschema@.center(@extschema@.reference) RETURNS @extschema@.embedding
	AS 'MODULE_PATHNAME', 'siamese_reference_mean' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.center(@extschema@.reference) IS 'mean of its embeddings, which an index can look for: of their directions where the distance is cosine';
CREATE FUNCTION @extschema@.reference_pack(@extschema@.reference) RETURNS bytea
	AS 'MODULE_PATHNAME', 'siamese_reference_pack' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.reference_pack(@extschema@.reference) IS 'the reference in one byte a dimension and three more; the model is left out';
CREATE CAST (@extschema@.reference AS bytea) WITH FUNCTION @extschema@.reference_pack(@extschema@.reference);
COMMENT ON CAST (@extschema@.reference AS bytea) IS 'one byte a dimension and three more';

-- ---- siamese: networks, models, training -----------------------------------------------------------------------------

CREATE SCHEMA siamese;
COMMENT ON SCHEMA siamese IS 'administration of the siamese extension: networks, models, training';
GRANT USAGE ON SCHEMA siamese TO PUBLIC;

CREATE TABLE siamese.network (
	name text PRIMARY KEY CHECK (pg_catalog.octet_length(name) BETWEEN 1 AND 63),
	definition jsonb NOT NULL,
	description text,
	built_in boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE siamese.network IS 'definitions of networks: input, layers, join, loss, optimizer, training';
COMMENT ON COLUMN siamese.network.built_in IS 'true for those that come with the extension; rows of your own say false and are dumped';
GRANT SELECT ON siamese.network TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('siamese.network', 'WHERE NOT built_in');

INSERT INTO siamese.network (name, description, built_in, definition) VALUES
('compact', 'the default: 520,000 parameters, 128 dimensions, trains in minutes; characters, signatures, marks', true, $json$
{
  "input": {"kind": "image", "width": 40, "height": 40, "colour": "grey", "polarity": "auto", "crop": "ink", "fit": "keep", "margin": 0.1, "normalise": true},
  "layers": [
    {"type": "conv", "maps": 32, "kernel": 3, "padding": 1, "bias": false},
    {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
    {"type": "conv", "maps": 64, "kernel": 3, "padding": 1, "bias": false},
    {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
    {"type": "conv", "maps": 128, "kernel": 3, "padding": 1, "bias": false},
    {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
    {"type": "conv", "maps": 256, "kernel": 3, "padding": 1, "bias": false},
    {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
    {"type": "dropout", "rate": 0.2},
    {"type": "dense", "units": 128, "bias": false},
    {"type": "batch_norm"},
    {"type": "l2_norm"}
  ],
  "join": "cosine",
  "loss": {"type": "supervised_contrastive", "temperature": 0.1, "forgery_weight": 4},
  "optimizer": {"type": "adamw", "rate": 0.003, "weight_decay": 0.01, "schedule": "cosine", "warmup": 200, "average": 0.998},
  "training": {
    "classes": 64, "samples": 4, "epochs": 30, "epoch_samples": 20480, "held_out": 0.15, "turns": false,
    "distortion": {"probability": 1, "rotation": 15, "scale": 0.2, "shear": 0.25, "shift": 0.05, "warp": 0.03}
  }
}
$json$),
('signature', 'for scanned signatures and other wide marks: the blocks of compact at 96 x 40, cropped to the ink', true, $json$
{
	"input": {"kind": "image", "width": 96, "height": 40, "colour": "grey", "polarity": "auto", "background": "remove", "crop": "ink", "fit": "keep", "margin": 0.04, "normalise": true},
	"layers": [
		{"type": "conv", "maps": 32, "kernel": 3, "stride": 1, "padding": 1, "bias": false}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
		{"type": "conv", "maps": 64, "kernel": 3, "padding": 1, "bias": false}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
		{"type": "conv", "maps": 96, "kernel": 3, "padding": 1, "bias": false}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
		{"type": "conv", "maps": 128, "kernel": 3, "padding": 1, "bias": false}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": [1, 2]},
		{"type": "flatten"}, {"type": "dropout", "rate": 0.2}, {"type": "dense", "units": 128, "bias": false}, {"type": "batch_norm"}, {"type": "l2_norm"}
	],
	"join": "cosine",
	"loss": {"type": "supervised_contrastive", "temperature": 0.1, "forgery_weight": 4},
	"optimizer": {"type": "adamw", "rate": 0.003, "weight_decay": 0.01, "schedule": "cosine", "warmup": 50, "average": 0.99},
	"training": {"classes": 32, "samples": 8, "self_forgeries": 2, "epochs": 30, "epoch_samples": 6000, "held_out": 0.2,
		"distortion": {"rotation": 8, "scale": 0.15, "shear": 0.15, "shift": 0.03, "warp": 0.015},
		"shared_distortion": {"rotation": 5, "scale": 0.25, "shear": 0.25, "warp": 0.04, "mirror": true}}
}
$json$),
('koch', 'Koch, Zemel, Salakhutdinov 2015: 39 million parameters, 4,096 dimensions, learned weighted l1', true, $json$
{
  "input": {"kind": "image", "width": 105, "height": 105, "colour": "grey", "polarity": "auto", "fit": "keep", "normalise": true},
  "layers": [
    {"type": "conv", "maps": 64, "kernel": 10}, {"type": "relu"}, {"type": "max_pool", "size": 2},
    {"type": "conv", "maps": 128, "kernel": 7}, {"type": "relu"}, {"type": "max_pool", "size": 2},
    {"type": "conv", "maps": 128, "kernel": 4}, {"type": "relu"}, {"type": "max_pool", "size": 2},
    {"type": "conv", "maps": 256, "kernel": 4}, {"type": "relu"},
    {"type": "dense", "units": 4096}, {"type": "sigmoid"}
  ],
  "join": "weighted_l1",
  "loss": {"type": "cross_entropy", "bias": 10, "rate_factor": 50},
  "optimizer": {"type": "adam", "rate": 0.0003, "weight_decay": 0.0002, "schedule": "cosine", "warmup": 100, "average": 0.995},
  "training": {
    "classes": 12, "samples": 4, "epochs": 20, "epoch_samples": 0, "held_out": 0.15, "turns": false,
    "distortion": {"probability": 0.5, "rotation": 10, "scale": 0.2, "shear": 0.3, "shift": 0.019}
  }
}
$json$),
('signet', 'Dey et al. 2017: scanned signatures at 155 x 220, contrastive loss', true, $json$
{
  "input": {"kind": "image", "width": 220, "height": 155, "colour": "grey", "polarity": "auto", "fit": "stretch", "normalise": true},
  "layers": [
    {"type": "conv", "maps": 96, "kernel": 11, "stride": 4},
    {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 3, "stride": 2},
    {"type": "conv", "maps": 256, "kernel": 5, "padding": 2},
    {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 3, "stride": 2}, {"type": "dropout", "rate": 0.3},
    {"type": "conv", "maps": 384, "kernel": 3, "padding": 1}, {"type": "relu"},
    {"type": "conv", "maps": 256, "kernel": 3, "padding": 1}, {"type": "relu"},
    {"type": "max_pool", "size": 3, "stride": 2}, {"type": "dropout", "rate": 0.3},
    {"type": "dense", "units": 1024}, {"type": "relu"}, {"type": "dropout", "rate": 0.5},
    {"type": "dense", "units": 128, "initial": {"deviation": 0.001}}
  ],
  "join": "l2",
  "loss": {"type": "contrastive", "margin": 1},
  "optimizer": {"type": "rmsprop", "rate": 0.0001, "second_momentum": 0.9, "weight_decay": 0.0005},
  "training": {"classes": 16, "samples": 6, "epochs": 20, "epoch_samples": 11040, "held_out": 0.15, "turns": false}
}
$json$),
('hollaender', 'Holländer 2018: digits at 28 x 28, cross-entropy on pairs', true, $json$
{
  "input": {"kind": "image", "width": 28, "height": 28, "colour": "grey", "polarity": "auto", "fit": "keep", "normalise": true},
  "layers": [
    {"type": "conv", "maps": 64, "kernel": 7}, {"type": "relu"}, {"type": "max_pool", "size": 2},
    {"type": "conv", "maps": 128, "kernel": 5}, {"type": "relu"},
    {"type": "conv", "maps": 256, "kernel": 5}, {"type": "relu"},
    {"type": "dense", "units": 512}
  ],
  "join": "weighted_l1",
  "loss": {"type": "cross_entropy"},
  "optimizer": {"type": "adam", "rate": 0.001, "weight_decay": 0.0001},
  "training": {"classes": 8, "samples": 2, "epochs": 10, "epoch_samples": 20000, "held_out": 0.15, "turns": false}
}
$json$),
('bromley', 'Bromley et al. 1993, network A: signatures from a pen, 304 outputs of a time delay network, cosine target', true, $json$
{
	"input": {"kind": "pen", "length": 200, "resampling": "time", "drift": true, "scale": "y", "features": [
		"pen", "x", "y", "speed", "centripetal_acceleration", "tangential_acceleration", "direction_cos", "direction_sin"]},
	"layers": [
		{"type": "conv", "maps": 12, "kernel": [1, 11], "stride": [1, 3]}, {"type": "tanh"},
		{"type": "conv", "maps": 16, "kernel": [1, 10], "stride": [1, 3]}, {"type": "tanh"}
	],
	"join": "cosine",
	"loss": {"type": "cosine_target", "genuine_target": 1, "forged_target": -1, "forged_share": 0.8},
	"optimizer": {"type": "adam", "rate": 0.002, "schedule": "cosine"},
	"training": {"classes": 16, "samples": 6, "epochs": 30, "epoch_samples": 6000, "held_out": 0.2}
}
$json$),
('bromley_b', 'Bromley et al. 1993, network B: 76 outputs, small enough for a signer in 80 bytes', true, $json$
{
	"input": {"kind": "pen", "length": 200, "resampling": "time", "drift": true, "scale": "y", "features": [
		"pen", "x", "y", "speed", "centripetal_acceleration", "tangential_acceleration", "direction_cos", "direction_sin"]},
	"layers": [
		{"type": "conv", "maps": 6, "kernel": [1, 9]}, {"type": "tanh"}, {"type": "mean_pool", "size": [1, 3]},
		{"type": "conv", "maps": 4, "kernel": [1, 8]}, {"type": "tanh"}, {"type": "mean_pool", "size": [1, 3]}
	],
	"join": "cosine",
	"loss": {"type": "cosine_target", "genuine_target": 1, "forged_target": -1, "forged_share": 0.8},
	"optimizer": {"type": "adam", "rate": 0.002, "schedule": "cosine"},
	"training": {"classes": 16, "samples": 6, "epochs": 30, "epoch_samples": 6000, "held_out": 0.2}
}
$json$),
('pen', 'for signatures from a pen: convolutions over time, means of eight sections of the writing, 192 dimensions', true, $json$
{
	"input": {"kind": "pen", "length": 200, "resampling": "time", "drift": true, "scale": "y", "features": [
		"pen", "x", "y", "velocity_x", "velocity_y", "direction_cos", "direction_sin", "curvature_cos", "curvature_sin",
		"log_speed", "log_curvature_radius", "pressure", "pressure_change", "duration"]},
	"layers": [
		{"type": "conv", "maps": 96, "kernel": [1, 9], "padding": [0, 4], "bias": false}, {"type": "batch_norm"}, {"type": "relu"},
		{"type": "mean_pool", "size": [1, 2]},
		{"type": "conv", "maps": 96, "kernel": [1, 5], "padding": [0, 2], "bias": false}, {"type": "batch_norm"}, {"type": "relu"},
		{"type": "mean_pool", "size": [1, 12]}, {"type": "dropout", "rate": 0.2},
		{"type": "conv", "maps": 24, "kernel": [1, 1], "bias": false}, {"type": "flatten"}, {"type": "l2_norm"}
	],
	"join": "cosine",
	"loss": {"type": "cross_entropy", "forged_share": 0.6},
	"optimizer": {"type": "adamw", "rate": 0.003, "weight_decay": 0.05, "schedule": "cosine", "warmup": 50, "average": 0.99},
	"training": {"classes": 26, "samples": 8, "self_forgeries": 2, "epochs": 25, "epoch_samples": 4800, "held_out": 0.15,
		"distortion": {"rotation": 10, "scale": 0.15, "shear": 0.1, "warp": 0.2, "time_warp": 0.25, "tempo": 0.15, "pressure": 0.3, "jitter": 0.005},
		"shared_distortion": {"rotation": 10, "scale": 0.3, "shear": 0.3, "warp": 0.4, "time_warp": 0.3, "tempo": 0.2}}
}
$json$);

CREATE TABLE siamese.model (
	name text NOT NULL CHECK (pg_catalog.octet_length(name) BETWEEN 1 AND 63 AND pg_catalog.strpos(name, '@') = 0),
	version integer NOT NULL CHECK (version > 0),
	fingerprint text NOT NULL CHECK (pg_catalog.length(fingerprint) = 16
		-- no regular expression here: until PostgreSQL 15 those fail on a pending cancel, which a training outlives
		AND pg_catalog.translate(fingerprint, '0123456789abcdef', '') = ''),
	network text NOT NULL,
	definition jsonb NOT NULL,
	metric text NOT NULL CHECK (metric IN ('l1', 'l2', 'cosine')),
	dimensions integer NOT NULL,
	calibration jsonb NOT NULL,
	scores jsonb NOT NULL,
	examples text,
	seed bigint NOT NULL,
	epochs integer NOT NULL,
	threads integer NOT NULL,
	options jsonb NOT NULL DEFAULT '{}',
	created_by name NOT NULL DEFAULT current_user,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	finished_at timestamptz,
	PRIMARY KEY (name, version)
);
COMMENT ON TABLE siamese.model IS 'versions of trained models: a version never changes; siamese.calibrate() makes another of the same fingerprint';
COMMENT ON COLUMN siamese.model.fingerprint IS '64 bits of a SHA-256 over definition and weights: what its embeddings carry';
COMMENT ON COLUMN siamese.model.definition IS 'the network as it was trained, with the changes of train()''s options';
COMMENT ON COLUMN siamese.model.calibration IS 'fitted on held-out identities: threshold of ~=, log odds by distance (at "prior"), thresholds by false-accept rate with 95 % intervals, and how many identities, groups of them, samples and pairs they come from';
COMMENT ON COLUMN siamese.model.scores IS 'error rates of the kept epoch on held-out identities';
COMMENT ON COLUMN siamese.model.examples IS 'the query that it was trained on; NULL for an imported model';
COMMENT ON COLUMN siamese.model.options IS 'the options of train(); "start" with the version that was meant';
COMMENT ON COLUMN siamese.model.finished_at IS 'NULL while it is in training: only name@version means it then';
CREATE INDEX model_fingerprint ON siamese.model (fingerprint);
GRANT SELECT ON siamese.model TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('siamese.model', '');

CREATE TABLE siamese.model_weights (
	fingerprint text NOT NULL,
	part integer NOT NULL,
	weights bytea NOT NULL,
	PRIMARY KEY (fingerprint, part)
);
ALTER TABLE siamese.model_weights ALTER COLUMN weights SET STORAGE EXTERNAL;
COMMENT ON TABLE siamese.model_weights IS 'weights by fingerprint: little-endian 4-byte floats in parts of 1 MB';
GRANT SELECT ON siamese.model_weights TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('siamese.model_weights', '');

CREATE TABLE siamese.training_epoch (
	name text NOT NULL,
	version integer NOT NULL,
	epoch integer NOT NULL,
	loss float8 NOT NULL,
	eer float8 NOT NULL,
	auc float8 NOT NULL,
	images_per_second float8 NOT NULL,
	elapsed interval NOT NULL,
	remaining interval NOT NULL,
	best boolean NOT NULL,
	committed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (name, version, epoch),
	FOREIGN KEY (name, version) REFERENCES siamese.model ON DELETE CASCADE
);
COMMENT ON TABLE siamese.training_epoch IS 'one row an epoch of every training, committed as it goes';
GRANT SELECT ON siamese.training_epoch TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('siamese.training_epoch', '');

-- The state of trainings that are not finished, for resume(); the newest of each name.  The parts are rewritten in place with
-- each epoch: two versions of a part fit into a page, and no part is out of line, so that without any vacuum the tables
-- take twice what a state takes.
CREATE TABLE siamese.training_state (
	name text NOT NULL,
	version integer NOT NULL,
	epoch integer NOT NULL,
	epoch_steps bigint NOT NULL,
	samples_at_once integer NOT NULL,
	spare_memory boolean NOT NULL,
	examples_digest text NOT NULL,
	best_epoch integer NOT NULL,
	best_error float8 NOT NULL,
	elapsed float8 NOT NULL,
	parts integer NOT NULL,
	PRIMARY KEY (name, version)
) WITH (fillfactor = 50);
COMMENT ON TABLE siamese.training_state IS 'where the unfinished trainings stand: what siamese.resume() goes on from; not dumped';
COMMENT ON COLUMN siamese.training_state.epoch IS 'the last one that was committed';
COMMENT ON COLUMN siamese.training_state.samples_at_once IS 'of one thread: batch statistics and rounding depend on it';
COMMENT ON COLUMN siamese.training_state.spare_memory IS 'convolutions by the method that takes the least memory: rounding depends on it, too';
COMMENT ON COLUMN siamese.training_state.examples_digest IS 'SHA-256 over labels and prepared samples: the examples must not have changed';
COMMENT ON COLUMN siamese.training_state.elapsed IS 'seconds of training until then, breaks not counted';
SELECT pg_catalog.pg_extension_config_dump('siamese.training_state', 'WHERE false');

CREATE TABLE siamese.training_state_part (
	name text NOT NULL,
	version integer NOT NULL,
	part integer NOT NULL,
	bytes bytea NOT NULL,
	PRIMARY KEY (name, version, part)
) WITH (fillfactor = 50);
ALTER TABLE siamese.training_state_part ALTER COLUMN bytes SET STORAGE PLAIN;
COMMENT ON TABLE siamese.training_state_part IS
	'weights, averaged weights and the optimizer''s memory after the epoch of siamese.training_state: little-endian 4-byte floats; not dumped';
SELECT pg_catalog.pg_extension_config_dump('siamese.training_state_part', 'WHERE false');

CREATE VIEW siamese.training AS
	SELECT e.name AS model, e.version, e.epoch, m.epochs, e.loss, e.eer AS held_out_eer, e.auc AS held_out_auc,
		e.images_per_second, e.elapsed, e.remaining, e.best, e.committed_at
	FROM siamese.training_epoch e JOIN siamese.model m USING (name, version);
COMMENT ON VIEW siamese.training IS
	'one row an epoch (loss, error on held-out identities, speed, elapsed and estimated remaining time), also of trainings that run now';
GRANT SELECT ON siamese.training TO PUBLIC;

CREATE FUNCTION siamese.model_changed() RETURNS trigger LANGUAGE c
	AS 'MODULE_PATHNAME', 'siamese_model_changed';
COMMENT ON FUNCTION siamese.model_changed() IS 'tells every session that siamese.model changed';
CREATE TRIGGER model_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON siamese.model
	FOR EACH STATEMENT EXECUTE FUNCTION siamese.model_changed();

CREATE FUNCTION siamese.model_removed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
	DELETE FROM siamese.model_weights w WHERE w.fingerprint = OLD.fingerprint
		AND NOT EXISTS (SELECT FROM siamese.model m WHERE m.fingerprint = w.fingerprint);
	DELETE FROM siamese.training_state_part s WHERE s.name = OLD.name AND s.version = OLD.version;
	DELETE FROM siamese.training_state s WHERE s.name = OLD.name AND s.version = OLD.version;
	RETURN NULL;
END $$;
COMMENT ON FUNCTION siamese.model_removed() IS 'removes the weights that no version of a model uses any more, and the state of its training';
CREATE TRIGGER model_removed AFTER DELETE ON siamese.model
	FOR EACH ROW EXECUTE FUNCTION siamese.model_removed();

-- ---- embed, verify: in the extension's schema ------------------------------------------------------------------------

CREATE FUNCTION @extschema@.embed(image bytea, model text DEFAULT NULL) RETURNS @extschema@.embedding LANGUAGE c STABLE PARALLEL SAFE COST 10000
	AS 'MODULE_PATHNAME', 'siamese_embed_image';
COMMENT ON FUNCTION @extschema@.embed(bytea, text) IS
	'decodes and prepares an image and runs one twin of the model ("name", "name@version", NULL: the setting siamese.model); NULL for a NULL image; an error for what is no image';

CREATE FUNCTION @extschema@.embed(pen real[], model text DEFAULT NULL) RETURNS @extschema@.embedding LANGUAGE c STABLE PARALLEL SAFE COST 3000
	AS 'MODULE_PATHNAME', 'siamese_embed_pen';
COMMENT ON FUNCTION @extschema@.embed(real[], text) IS
	'the same for a trajectory of a pen: 10 to 20,000 rows of x, y, then pressure or pen-down (0: up), then time in seconds; an error that names the row for what is no trajectory';

CREATE FUNCTION @extschema@.embed(images bytea[], model text DEFAULT NULL) RETURNS @extschema@.embedding[] LANGUAGE c STABLE PARALLEL SAFE COST 100000
	AS 'MODULE_PATHNAME', 'siamese_embed_images';
COMMENT ON FUNCTION @extschema@.embed(bytea[], text) IS
	'embeddings of several images, some at a time; an array of the same shape, NULL where an image is NULL';

CREATE FUNCTION @extschema@.same_identity(a @extschema@.embedding, b @extschema@.embedding) RETURNS boolean LANGUAGE c STABLE STRICT PARALLEL SAFE COST 10 SUPPORT @extschema@.distance_support
	AS 'MODULE_PATHNAME', 'siamese_same';
COMMENT ON FUNCTION @extschema@.same_identity(@extschema@.embedding, @extschema@.embedding) IS
	'whether the distance is within the threshold of the embeddings'' model, where on its held-out identities a genuine and an impostor pair were equally likely; an error for unbound embeddings';

CREATE FUNCTION @extschema@.same_selectivity(internal, oid, internal, integer) RETURNS double precision
	AS 'MODULE_PATHNAME', 'siamese_same_selectivity' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.same_selectivity(internal, oid, internal, integer) IS 'restriction selectivity of ~=';
CREATE FUNCTION @extschema@.same_join_selectivity(internal, oid, internal, smallint, internal) RETURNS double precision
	AS 'MODULE_PATHNAME', 'siamese_same_join_selectivity' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.same_join_selectivity(internal, oid, internal, smallint, internal) IS 'join selectivity of ~=';
CREATE OPERATOR @extschema@.~= (
	LEFTARG = @extschema@.embedding, RIGHTARG = @extschema@.embedding, FUNCTION = @extschema@.same_identity,
	COMMUTATOR = OPERATOR(@extschema@.~=), RESTRICT = @extschema@.same_selectivity, JOIN = @extschema@.same_join_selectivity
);
COMMENT ON OPERATOR @extschema@.~= (@extschema@.embedding, @extschema@.embedding) IS 'the same identity: distance within the model''s threshold';

CREATE FUNCTION @extschema@.verify(a @extschema@.embedding, b @extschema@.embedding, far float8 DEFAULT NULL,
	OUT same boolean, OUT probability float8, OUT distance float8, OUT threshold float8)
	LANGUAGE c STABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'siamese_verify';
COMMENT ON FUNCTION @extschema@.verify(@extschema@.embedding, @extschema@.embedding, float8) IS
	'is it the same identity?  Decision (a probability of at least one half), calibrated probability at the setting siamese.prior, distance and threshold; far: decide by the threshold that accepts at most this share of random impostors, and of skilled ones where the held-out data had any; an error when the held-out identities cannot support it';

-- ---- columns of embeddings -------------------------------------------------------------------------------------------

CREATE TABLE siamese.embedding_run (
	target text NOT NULL,
	destination text NOT NULL,
	started_by name NOT NULL,
	model text NOT NULL,
	blocks_done bigint NOT NULL,
	blocks bigint NOT NULL,
	rows bigint NOT NULL,
	failed bigint NOT NULL,
	seconds float8 NOT NULL,
	committed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	finished_at timestamptz,
	PRIMARY KEY (target, destination, started_by)
);
COMMENT ON TABLE siamese.embedding_run IS 'the last run of siamese.embed_table for each column and user, committed as it goes';
ALTER TABLE siamese.embedding_run ENABLE ROW LEVEL SECURITY;
CREATE POLICY read ON siamese.embedding_run FOR SELECT USING (true);
CREATE POLICY write ON siamese.embedding_run USING (started_by OPERATOR(pg_catalog.=) current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON siamese.embedding_run TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('siamese.embedding_run', '');

CREATE VIEW siamese.embedding_progress AS
	SELECT target, destination, started_by, model, blocks_done, blocks, rows, failed, rows OPERATOR(pg_catalog./) nullif(seconds, 0) AS rows_per_second,
		pg_catalog.make_interval(secs => seconds) AS elapsed,
		CASE WHEN finished_at IS NULL AND blocks_done OPERATOR(pg_catalog.>) 0 THEN
			pg_catalog.make_interval(secs => seconds OPERATOR(pg_catalog.*) (blocks OPERATOR(pg_catalog.-) blocks_done) OPERATOR(pg_catalog./) blocks_done) END AS remaining,
		committed_at, finished_at
	FROM siamese.embedding_run;
COMMENT ON VIEW siamese.embedding_progress IS
	'runs of siamese.embed_table, also of those that run now: pages done and in all, rows embedded and left out, speed, elapsed and estimated remaining time';
GRANT SELECT ON siamese.embedding_progress TO PUBLIC;

CREATE PROCEDURE siamese.embed_table(target regclass, source text, destination text, model text DEFAULT NULL, batch integer DEFAULT 256)
	LANGUAGE c AS 'MODULE_PATHNAME', 'siamese_embed_table';
COMMENT ON PROCEDURE siamese.embed_table(regclass, text, text, text, integer) IS
	'fills a column with the embeddings of another one (bytea or real[]), where it has none of this model yet, on siamese.training_threads threads; commits as it goes, so that it can be interrupted and called again; rows whose sample cannot be used are left out with a warning';

CREATE FUNCTION siamese.embed_on_write() RETURNS trigger LANGUAGE c
	AS 'MODULE_PATHNAME', 'siamese_embed_on_write';
COMMENT ON FUNCTION siamese.embed_on_write() IS
	'BEFORE INSERT OR UPDATE ... FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write(source, destination[, model]): destination becomes the embedding of source; does nothing when an update left the source as it was';

-- ---- a model as plain data -----------------------------------------------------------------------------------------

CREATE FUNCTION siamese.export_model(model text) RETURNS bytea LANGUAGE c STABLE STRICT PARALLEL SAFE COST 100000
	AS 'MODULE_PATHNAME', 'siamese_export_model';
COMMENT ON FUNCTION siamese.export_model(text) IS
	'a model ("name" or "name@version") as one value, with its definition, weights, calibration and scores, and without the query that it was trained on: for siamese.import_model on any server';

CREATE FUNCTION siamese.import_model(model text, exported bytea) RETURNS text LANGUAGE c VOLATILE STRICT
	AS 'MODULE_PATHNAME', 'siamese_import_model';
COMMENT ON FUNCTION siamese.import_model(text, bytea) IS
	'makes an exported model the next version of a name and returns name@version; its fingerprint, and so the meaning of its embeddings, stays; an error for a value of which a byte was changed';
REVOKE ALL ON FUNCTION siamese.import_model(text, bytea) FROM PUBLIC;

-- ---- the index ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION siamese.index_handler(internal) RETURNS index_am_handler
	LANGUAGE c AS 'MODULE_PATHNAME', 'siamese_index_handler';
COMMENT ON FUNCTION siamese.index_handler(internal) IS 'handler of the access method siamese';
CREATE ACCESS METHOD siamese TYPE INDEX HANDLER siamese.index_handler;
COMMENT ON ACCESS METHOD siamese IS 'exact index over embeddings of one model: nearest, within a distance, same identity';

-- One class for all three distances: an embedding carries its own, and an index holds one.
CREATE OPERATOR CLASS @extschema@.embedding_ops DEFAULT FOR TYPE @extschema@.embedding USING siamese AS
	OPERATOR 1 @extschema@.<@ (@extschema@.embedding, @extschema@.ball),
	OPERATOR 2 @extschema@.~= (@extschema@.embedding, @extschema@.embedding),
	OPERATOR 3 @extschema@.<-> (@extschema@.embedding, @extschema@.embedding) FOR ORDER BY pg_catalog.float_ops;
COMMENT ON OPERATOR CLASS @extschema@.embedding_ops USING siamese IS 'embeddings by the distance of their model';
COMMENT ON OPERATOR FAMILY @extschema@.embedding_ops USING siamese IS 'embeddings by the distance of their model';

CREATE FUNCTION siamese.index_scan(OUT regions bigint, OUT cells bigint, OUT leaves bigint, OUT codes bigint, OUT "rows" bigint, OUT passes bigint)
	LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'siamese_index_scan';
COMMENT ON FUNCTION siamese.index_scan() IS
	'what the last scan of a siamese index in this session did: regions and cells looked at, leaves opened, codes compared, rows handed to the executor, passes over the index';
CREATE FUNCTION siamese.index_stats(index regclass, OUT model text, OUT metric text, OUT dimensions integer, OUT axes integer,
	OUT "rows" bigint, OUT null_rows bigint, OUT rows_at_build bigint, OUT regions integer, OUT cells bigint, OUT leaves bigint, OUT directories bigint,
	OUT fill double precision, OUT badly_coded double precision, OUT bytes bigint, OUT reindex_pays boolean)
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'siamese_index_stats';
COMMENT ON FUNCTION siamese.index_stats(regclass) IS
	'what a siamese index is made of (reads all of it); axes: dimensions of a row''s code if rows lie near a subspace, else NULL; fill: share of the leaves'' room in use, badly_coded: share of rows outside of what their region or the axes were built for; reindex_pays: many of those, or mostly rows newer than the build, or mostly free room';
CREATE FUNCTION siamese.index_check(index regclass, heap boolean DEFAULT false, OUT block bigint, OUT problem text) RETURNS SETOF record
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'siamese_index_check';
COMMENT ON FUNCTION siamese.index_check(regclass, boolean) IS
	'reads a whole siamese index and returns a row for everything that does not fit together, none if it is sound; heap: also looks up each row of the table; writers wait meanwhile';

CREATE FUNCTION @extschema@.distance(reference @extschema@.reference, embedding @extschema@.embedding) RETURNS float8
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 30 AS 'MODULE_PATHNAME', 'siamese_distance_reference';
COMMENT ON FUNCTION @extschema@.distance(@extschema@.reference, @extschema@.embedding) IS
	'how far an embedding is from the person, in the person''s own spreads (mean absolute deviation over the components; about 0.8 for one''s own), with how people vary in general where the person''s signatures are few';

CREATE FUNCTION @extschema@.verify(reference @extschema@.reference, embedding @extschema@.embedding, far float8 DEFAULT NULL, frr float8 DEFAULT NULL,
	OUT answer text, OUT probability float8, OUT distance float8, OUT accept float8, OUT reject float8)
	LANGUAGE c STABLE PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', 'siamese_verify_reference';
COMMENT ON FUNCTION @extschema@.verify(@extschema@.reference, @extschema@.embedding, float8, float8) IS
	'is it the person of the reference?  genuine up to the distance accept, forged beyond the distance reject, else inconclusive.  far: accept at most this share of impostors; frr: reject at most this share of genuine ones; without one of them even odds stand for it, without both nothing is inconclusive';

CREATE FUNCTION @extschema@.reference_unpack(packed bytea, model text DEFAULT NULL) RETURNS @extschema@.reference
	LANGUAGE c STABLE PARALLEL SAFE COST 30 AS 'MODULE_PATHNAME', 'siamese_reference_unpack';
COMMENT ON FUNCTION @extschema@.reference_unpack(bytea, text) IS
	'the reference that reference::bytea packed, of that model; what is beyond 16 embeddings has become 16';

CREATE FUNCTION @extschema@.explain_verification(reference @extschema@.reference, pen real[], model text DEFAULT NULL)
	RETURNS TABLE (section integer, property text, contribution float8, distance float8)
	LANGUAGE c STABLE PARALLEL SAFE ROWS 20 COST 100000 AS 'MODULE_PATHNAME', 'siamese_explain_pen';
COMMENT ON FUNCTION @extschema@.explain_verification(@extschema@.reference, real[], text) IS
	'why a trajectory is so far from the person: for each fifth of the writing and each of shape, speed, pressure and pen lifts by how much the distance falls when that part is levelled to the signature''s mean; the largest contributions are the reasons';
CREATE FUNCTION @extschema@.explain_verification(reference @extschema@.reference, embedding @extschema@.embedding)
	RETURNS TABLE (component integer, section integer, observed float8, expected float8, spread float8, deviation float8)
	LANGUAGE c STABLE PARALLEL SAFE ROWS 100 COST 100 AS 'MODULE_PATHNAME', 'siamese_explain_embedding';
COMMENT ON FUNCTION @extschema@.explain_verification(@extschema@.reference, @extschema@.embedding) IS
	'which components of an embedding lie how many spreads from the person''s own; section: the part of the writing that a component looks at, where the network keeps them apart (bromley: 1 to 19)';

-- ---- training, evaluation, preview, generator ------------------------------------------------------------------------

CREATE PROCEDURE siamese.train(model text, examples text, network text DEFAULT 'compact', epochs integer DEFAULT NULL,
	seed bigint DEFAULT 1, options jsonb DEFAULT '{}')
	LANGUAGE c AS 'MODULE_PATHNAME', 'siamese_train';
COMMENT ON PROCEDURE siamese.train(text, text, text, integer, bigint, jsonb) IS
	'trains the next version of a model from a query that returns (sample, label), (sample, label, genuine boolean) or (sample, label, genuine, group), sample bytea for images or real[] for pens; identities, or with the fourth column whole groups of them (of any type; NULL says nothing, a label without any is a group of its own, a label in two is an error), are split by seed; commits after each epoch and keeps the one with the lowest held-out error';
REVOKE ALL ON PROCEDURE siamese.train(text, text, text, integer, bigint, jsonb) FROM PUBLIC;

CREATE PROCEDURE siamese.resume(model text)
	LANGUAGE c AS 'MODULE_PATHNAME', 'siamese_resume';
COMMENT ON PROCEDURE siamese.resume(text) IS
	'goes on with a training that was cancelled or lost, from its last committed epoch, to the same weights as without the break; "name" (its newest version) or "name@version"; the examples'' query is run again and must give the same rows';
REVOKE ALL ON PROCEDURE siamese.resume(text) FROM PUBLIC;

CREATE FUNCTION siamese.evaluate(model text, examples text, refs integer DEFAULT 0, seed bigint DEFAULT 1)
	RETURNS TABLE (impostors text, rule text, genuine_pairs bigint, impostor_pairs bigint, eer float8, eer_low float8, eer_high float8,
		auc float8, accuracy float8, threshold float8, far float8, far_low float8, far_high float8, frr float8, frr_low float8, frr_high float8)
	LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'siamese_evaluate';
COMMENT ON FUNCTION siamese.evaluate(text, text, integer, bigint) IS
	'error rates of a model on other examples, against random impostors (other labels) and skilled ones (forgeries) apart: EER and AUC whatever the threshold, then accuracy (balanced), FAR and FRR at the model''s own threshold; low and high: 95 % intervals by resampling identities, or groups where the query has a fourth column, NULL for fewer than 5; refs > 0: also decisions against the first so many genuine samples of each label in the order of the query''s rows, by their mean distance, the least, or the mean of both less half of the references'' own mean distance (rule mean, least, adjusted)';

CREATE FUNCTION siamese.thresholds(model text, examples text DEFAULT NULL, seed bigint DEFAULT 1)
	RETURNS TABLE (rate float8, threshold float8, threshold_low float8, threshold_high float8, rate_low float8, rate_high float8,
		impostors text, far float8, far_low float8, far_high float8, frr float8, frr_low float8, frr_high float8)
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'siamese_thresholds';
COMMENT ON FUNCTION siamese.thresholds(text, text, bigint) IS
	'the model''s thresholds for false-accept rates of 10, 1, 0.1 % and so on, as verify(a, b, far) uses them (NULL where its held-out identities cannot support the rate), each with 95 % intervals of the threshold and of its rate among other people; with examples also the rates found there, random and skilled impostors apart';

CREATE FUNCTION siamese.reliability(model text, examples text, bins integer DEFAULT 10, seed bigint DEFAULT 1)
	RETURNS TABLE (bin integer, predicted float8, observed float8, observed_low float8, observed_high float8, weight float8, pairs bigint,
		ece float8)
	LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'siamese_reliability';
COMMENT ON FUNCTION siamese.reliability(text, text, integer, bigint) IS
	'is verify()''s probability true?  The examples'' pairs in bins of equal weight, from the nearest to the farthest: mean probability, observed share of genuine pairs with its 95 % interval over identities, or groups where the query has a fourth column, at the setting siamese.prior; ece: the expected calibration error, sum(weight * abs(predicted - observed)), the same in each row';

CREATE FUNCTION siamese.calibrate(model text, examples text, seed bigint DEFAULT 1) RETURNS text
	LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'siamese_calibrate';
COMMENT ON FUNCTION siamese.calibrate(text, text, bigint) IS
	'fits thresholds and probabilities anew on people of your own, whom the model did not learn from (it cannot know): makes the next version, with the same network and fingerprint, so the embeddings stay as they are and verify() and ~= use the new calibration; returns its "name@version"; where the query has a fourth column, group, intervals and supported rates are over groups; an error for fewer than 5 identities or groups';
REVOKE ALL ON FUNCTION siamese.calibrate(text, text, bigint) FROM PUBLIC;

CREATE FUNCTION siamese.report(model text, examples text, seed bigint DEFAULT 1) RETURNS text
	LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'siamese_report';
COMMENT ON FUNCTION siamese.report(text, text, bigint) IS
	'what a model is worth on other examples, as one page of HTML that needs no network and no script: error rates with intervals, ROC and DET curves, distances, reliability, thresholds, the course of the training, the worst mistakes as pictures';

CREATE FUNCTION siamese.roc(model text, examples text, impostors text DEFAULT 'random')
	RETURNS TABLE (threshold float8, far float8, frr float8)
	LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'siamese_roc';
COMMENT ON FUNCTION siamese.roc(text, text, text) IS
	'false-accept and false-reject rates by threshold; impostors: random (other labels) or skilled (forgeries)';

CREATE FUNCTION siamese.preview(image bytea, model text DEFAULT NULL) RETURNS bytea LANGUAGE c STABLE PARALLEL SAFE COST 1000
	AS 'MODULE_PATHNAME', 'siamese_preview';
COMMENT ON FUNCTION siamese.preview(bytea, text) IS 'a PNG of exactly what the model''s network sees of an image';

CREATE FUNCTION siamese.preview(pen real[], model text DEFAULT NULL) RETURNS bytea LANGUAGE c STABLE PARALLEL SAFE COST 1000
	AS 'MODULE_PATHNAME', 'siamese_preview_pen';
COMMENT ON FUNCTION siamese.preview(real[], text) IS 'an SVG of a pen''s trajectory as it was prepared for the model''s network, and of the features that the network sees';

CREATE FUNCTION siamese.pen_from_svc2004(file text) RETURNS real[] LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100
	AS 'MODULE_PATHNAME', 'siamese_pen_from_svc2004';
COMMENT ON FUNCTION siamese.pen_from_svc2004(text) IS 'trajectory of a file of the SVC2004 collection, task 1 or 2: rows of x, y, pressure, time in seconds';
CREATE FUNCTION siamese.pen_from_inkml(file text) RETURNS real[] LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100
	AS 'MODULE_PATHNAME', 'siamese_pen_from_inkml';
COMMENT ON FUNCTION siamese.pen_from_inkml(text) IS 'trajectory of all traces of an InkML document: rows of x, y, pressure, and time in seconds if it has a channel T';
CREATE FUNCTION siamese.pen_from_iso19794_7(file bytea) RETURNS real[] LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100
	AS 'MODULE_PATHNAME', 'siamese_pen_from_iso19794_7';
COMMENT ON FUNCTION siamese.pen_from_iso19794_7(bytea) IS 'trajectory of a signature in the full format of ISO/IEC 19794-7:2007: rows of x, y, pressure, and time in seconds if it has a channel T or DT';

CREATE FUNCTION siamese.sample_signatures(signers integer, samples integer, seed bigint DEFAULT 1)
	RETURNS TABLE (signer integer, sample integer, genuine boolean, image bytea, pen real[])
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 1000 COST 5000 AS 'MODULE_PATHNAME', 'siamese_sample_signatures';
COMMENT ON FUNCTION siamese.sample_signatures(integer, integer, bigint) IS
	'made-up signatures from a kinematic pen model: for each signer as many skilled forgeries as genuine samples; image: a PNG; pen: points of x, y (0.01 mm), pressure (0 to 1, 0: pen up), time (seconds)';
