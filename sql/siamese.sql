-- siamese: similarity search that learns.  The installation script; make writes it as sql/siamese--1.1.sql, by sql/assemble.awk.
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
	AS 'MODULE_PATHNAME', 'siamese_embedding_of_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding(real[], integer, boolean) IS 'unbound embedding with distance l2 of an array of 1 to 16,000 numbers; an error for NULL, NaN, infinity and what has other dimensions';
CREATE FUNCTION @extschema@.embedding(double precision[], integer, boolean) RETURNS @extschema@.embedding
	AS 'MODULE_PATHNAME', 'siamese_embedding_of_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding(double precision[], integer, boolean) IS 'unbound embedding with distance l2 of an array of 1 to 16,000 numbers, rounded to single precision; an error for NULL, NaN, infinity and what has other dimensions';
CREATE FUNCTION @extschema@.embedding(numeric[], integer, boolean) RETURNS @extschema@.embedding
	AS 'MODULE_PATHNAME', 'siamese_embedding_of_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding(numeric[], integer, boolean) IS 'unbound embedding with distance l2 of an array of 1 to 16,000 numbers, rounded to single precision; an error for NULL, NaN, infinity and what has other dimensions';
CREATE FUNCTION @extschema@.embedding(integer[], integer, boolean) RETURNS @extschema@.embedding
	AS 'MODULE_PATHNAME', 'siamese_embedding_of_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding(integer[], integer, boolean) IS 'unbound embedding with distance l2 of an array of 1 to 16,000 numbers, rounded to single precision; an error for NULL, NaN, infinity and what has other dimensions';
CREATE FUNCTION @extschema@.embedding_to_real(@extschema@.embedding) RETURNS real[]
	AS 'MODULE_PATHNAME', 'siamese_embedding_to_real' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding_to_real(@extschema@.embedding) IS 'values of the embedding as an array';
CREATE FUNCTION @extschema@.to_embedding("values" double precision[], metric text) RETURNS @extschema@.embedding
	AS 'MODULE_PATHNAME', 'siamese_to_embedding' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.to_embedding(double precision[], text) IS
	'unbound embedding of an array of 1 to 16,000 numbers of any type, rounded to single precision, with distance l2, l1 or cosine; an error for another distance, NULL, NaN and infinity';
CREATE CAST (@extschema@.embedding AS @extschema@.embedding) WITH FUNCTION @extschema@.embedding(@extschema@.embedding, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (@extschema@.embedding AS @extschema@.embedding) IS 'checks the number of dimensions';
CREATE CAST (real[] AS @extschema@.embedding) WITH FUNCTION @extschema@.embedding(real[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (real[] AS @extschema@.embedding) IS 'unbound embedding with distance l2';
CREATE CAST (double precision[] AS @extschema@.embedding) WITH FUNCTION @extschema@.embedding(double precision[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (double precision[] AS @extschema@.embedding) IS 'unbound embedding with distance l2, rounded to single precision';
CREATE CAST (numeric[] AS @extschema@.embedding) WITH FUNCTION @extschema@.embedding(numeric[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (numeric[] AS @extschema@.embedding) IS 'unbound embedding with distance l2, rounded to single precision';
CREATE CAST (integer[] AS @extschema@.embedding) WITH FUNCTION @extschema@.embedding(integer[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (integer[] AS @extschema@.embedding) IS 'unbound embedding with distance l2, rounded to single precision';
CREATE CAST (@extschema@.embedding AS real[]) WITH FUNCTION @extschema@.embedding_to_real(@extschema@.embedding) AS ASSIGNMENT;
COMMENT ON CAST (@extschema@.embedding AS real[]) IS 'values of the embedding; model and distance are left behind';

-- length, concatenation

CREATE FUNCTION @extschema@.l2_norm(@extschema@.embedding) RETURNS double precision
	AS 'MODULE_PATHNAME', 'siamese_l2_norm' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.l2_norm(@extschema@.embedding) IS 'Euclidean length of the values';
CREATE FUNCTION @extschema@.l2_normalize(@extschema@.embedding) RETURNS @extschema@.embedding
	AS 'MODULE_PATHNAME', 'siamese_l2_normalize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.l2_normalize(@extschema@.embedding) IS
	'the values divided by their Euclidean length, all 0 if that is 0; with distance cosine still of its model, with l2 and l1 unbound, since its distances change';
CREATE FUNCTION @extschema@.embedding_concat(@extschema@.embedding, @extschema@.embedding) RETURNS @extschema@.embedding
	AS 'MODULE_PATHNAME', 'siamese_embedding_concat' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.embedding_concat(@extschema@.embedding, @extschema@.embedding) IS 'implementation of || operator';
CREATE OPERATOR @extschema@.|| (
	FUNCTION = @extschema@.embedding_concat, LEFTARG = @extschema@.embedding, RIGHTARG = @extschema@.embedding
);
COMMENT ON OPERATOR @extschema@.|| (@extschema@.embedding, @extschema@.embedding) IS
	'the dimensions of both, one after the other, of unbound embeddings with the same distance; an error for those of a model';

-- distances

CREATE FUNCTION @extschema@.distance_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'siamese_distance_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.distance_support(internal) IS 'planner support of distances: their cost by the number of dimensions, and whether the values lie out of line; and for columns of foreign tables what else is STABLE is computed once and sent to the other server';
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
COMMENT ON TYPE @extschema@.reference IS 'a person, known by several embeddings: mean and spread of each component over the last ones: (6/6,[0.1,...]@cosine:0123456789abcdef,[0.2,...]), and, if it was made of samples, the last of them for elastic matching: (...,{hexadecimal,...}) of a pen''s trajectories, (...,picture{hexadecimal,...}) of pictures of ink';
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
COMMENT ON COLUMN siamese.network.built_in IS 'true for the networks of the extension; your own rows have false and are dumped';
GRANT SELECT ON siamese.network TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('siamese.network', 'WHERE NOT built_in');

INSERT INTO siamese.network (name, description, built_in, definition) VALUES
('compact', 'the default: 520,000 parameters, 128 dimensions, trains in minutes; characters, signatures, marks', true, $json$
-- include network/compact.json
$json$),
('signature', 'for scanned signatures and other wide marks: the blocks of compact at 96 x 40, cropped to the ink', true, $json$
-- include network/signature.json
$json$),
('koch', 'Koch, Zemel, Salakhutdinov 2015: 39 million parameters, 4,096 dimensions, learned weighted l1', true, $json$
-- include network/koch.json
$json$),
('signet', 'Dey et al. 2017: scanned signatures at 155 x 220, contrastive loss', true, $json$
-- include network/signet.json
$json$),
('hollaender', 'Holländer 2018: digits at 28 x 28, cross-entropy on pairs', true, $json$
-- include network/hollaender.json
$json$),
('patch', 'for photographs of people and things, such as detections in a video: colours in three stripes of 24 x 16, 128 dimensions', true, $json$
-- include network/patch.json
$json$),
('photo', 'for photographs of anything: residual, 112 x 112 in colour, 128 dimensions, trains from nothing in an hour', true, $json$
-- include network/photo.json
$json$),
('bromley', 'Bromley et al. 1993, network A: signatures from a pen, 304 outputs of a time delay network, cosine target', true, $json$
-- include network/bromley.json
$json$),
('bromley_b', 'Bromley et al. 1993, network B: 76 outputs, small enough for a signer in 80 bytes', true, $json$
-- include network/bromley_b.json
$json$),
('pen', 'for signatures from a pen: convolutions over time, means of eight sections of the writing, 192 dimensions', true, $json$
-- include network/pen.json
$json$),
('tracking_joint', 'Leal-Taixé, Canton-Ferrer, Schindler 2016, figure 2: two patches of 121 x 53 and the optical flow between them stacked, softmax on the pair', true, $json$
-- include network/tracking_joint.json
$json$),
('tracking_joint_plain', 'the same without optical flow', true, $json$
-- include network/tracking_joint_plain.json
$json$),
('tracking_in_network', 'the same paper''s second topology: the branches meet after two convolutions', true, $json$
-- include network/tracking_in_network.json
$json$),
('tracking_in_network_plain', 'the same without optical flow', true, $json$
-- include network/tracking_in_network_plain.json
$json$),
('tracking_cost', 'the same paper''s third topology: embeddings of length 1 of one patch each, joined by a contrastive loss of squared distances', true, $json$
-- include network/tracking_cost.json
$json$);

CREATE FUNCTION siamese.network_check() RETURNS trigger LANGUAGE c
	AS 'MODULE_PATHNAME', 'siamese_network_check';
COMMENT ON FUNCTION siamese.network_check() IS 'refuses an invalid definition';
REVOKE ALL ON FUNCTION siamese.network_check() FROM PUBLIC;
CREATE TRIGGER network_check BEFORE INSERT OR UPDATE ON siamese.network
	FOR EACH ROW EXECUTE FUNCTION siamese.network_check();

CREATE TABLE siamese.model (
	name text NOT NULL CHECK (pg_catalog.octet_length(name) BETWEEN 1 AND 63 AND pg_catalog.strpos(name, '@') = 0),
	version integer NOT NULL CHECK (version > 0),
	fingerprint text NOT NULL CHECK (pg_catalog.length(fingerprint) = 16
		-- no regular expression here: until PostgreSQL 15 those fail on a pending cancel, which a training outlives
		AND pg_catalog.translate(fingerprint, '0123456789abcdef', '') = ''),
	network text NOT NULL,
	definition jsonb NOT NULL,
	metric text CHECK (metric IN ('l1', 'l2', 'cosine')),
	dimensions integer,
	calibration jsonb,
	scores jsonb NOT NULL,
	seed bigint NOT NULL,
	epochs integer NOT NULL,
	threads integer NOT NULL,
	options jsonb NOT NULL DEFAULT '{}',
	created_by name NOT NULL DEFAULT current_user,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	finished_at timestamptz,
	promoted_at timestamptz DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (name, version),
	-- a tracker embeds nothing; a network with a layer "pair" compares samples without embeddings
	CHECK (CASE WHEN pg_catalog.jsonb_extract_path_text(definition, 'kind') IS NOT DISTINCT FROM 'tracker'
		THEN metric IS NULL AND dimensions IS NULL AND calibration IS NULL
		ELSE (metric IS NULL) = (dimensions IS NULL) END)
);
COMMENT ON TABLE siamese.model IS 'versions of trained models; a version never changes: siamese.calibrate() makes a new one with the same fingerprint';
COMMENT ON COLUMN siamese.model.fingerprint IS '64 bits of a SHA-256 over definition and weights, which its embeddings carry';
COMMENT ON COLUMN siamese.model.definition IS 'the definition of the network as it was trained, with the changes by train()''s options';
COMMENT ON COLUMN siamese.model.metric IS 'distance of its embeddings; NULL, as are the dimensions, for a network with a layer "pair", which has no embeddings';
COMMENT ON COLUMN siamese.model.calibration IS 'NULL until siamese.calibrate() for a model of siamese.import_onnx(); else fitted on held-out identities: threshold of ~=, log odds by distance (at "prior"), thresholds by false-accept rate with 95 % intervals, and the numbers of identities, groups, samples and pairs behind them; to embeddings applies the calibration of the version that the setting siamese.model names, if it has their fingerprint; else that of the newest finished version with the fingerprint, under the name that has had it longest on this server';
COMMENT ON COLUMN siamese.model.scores IS 'error rates of the epoch that was kept, on held-out identities, or of siamese.calibrate() on its own, with 95 % intervals over them (null for fewer than five)';
COMMENT ON COLUMN siamese.model.created_by IS 'owner of the name, the same for all of its versions: this role, its members and superusers may make versions of the name, rename it and drop it';
COMMENT ON COLUMN siamese.model.options IS 'the options of train(); "start" names the version that was used';
COMMENT ON COLUMN siamese.model.finished_at IS 'NULL while the version is being trained: until then only name@version refers to it';
COMMENT ON COLUMN siamese.model.promoted_at IS 'when the name alone began to mean this version: it means the finished one that was promoted last; NULL: only name@version refers to it, until siamese.promote()';
CREATE INDEX model_fingerprint ON siamese.model (fingerprint);
-- Whoever may read a row here may use the model.  Only the tables' owner may write: functions do that as the owner.
GRANT SELECT ON siamese.model TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('siamese.model', '');

CREATE TABLE siamese.model_examples (
	name text NOT NULL,
	version integer NOT NULL,
	training text,
	calibration text,
	PRIMARY KEY (name, version),
	FOREIGN KEY (name, version) REFERENCES siamese.model ON UPDATE CASCADE ON DELETE CASCADE
);
COMMENT ON TABLE siamese.model_examples IS 'the queries of a version''s examples, visible only to the model''s owner; imported versions have none';
COMMENT ON COLUMN siamese.model_examples.training IS 'the query of siamese.train()';
COMMENT ON COLUMN siamese.model_examples.calibration IS 'the query of siamese.calibrate(); NULL: calibrated on the held-out identities of the training';
ALTER TABLE siamese.model_examples ENABLE ROW LEVEL SECURITY;
CREATE POLICY read ON siamese.model_examples FOR SELECT USING (EXISTS (
	SELECT FROM siamese.model m JOIN pg_catalog.pg_roles r ON r.rolname OPERATOR(pg_catalog.=) m.created_by
	WHERE m.name OPERATOR(pg_catalog.=) model_examples.name AND m.version OPERATOR(pg_catalog.=) model_examples.version
		AND pg_catalog.pg_has_role(r.oid, 'USAGE')));
GRANT SELECT ON siamese.model_examples TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('siamese.model_examples', '');

CREATE TABLE siamese.model_weights (
	fingerprint text NOT NULL,
	part integer NOT NULL,
	weights bytea NOT NULL,
	PRIMARY KEY (fingerprint, part)
);
ALTER TABLE siamese.model_weights ALTER COLUMN weights SET STORAGE EXTERNAL;
COMMENT ON TABLE siamese.model_weights IS 'weights by fingerprint: little-endian 4-byte floats in parts of 1 MB; functions read them for users who may read the row of siamese.model';
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
	kept boolean NOT NULL,
	committed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (name, version, epoch),
	FOREIGN KEY (name, version) REFERENCES siamese.model ON UPDATE CASCADE ON DELETE CASCADE
);
COMMENT ON TABLE siamese.training_epoch IS 'one row for each epoch of every training, committed after the epoch; visible to users who may read the row of siamese.model';
COMMENT ON COLUMN siamese.training_epoch.kept IS 'whether the version has had the weights of this epoch: false if the error on held-out identities was above the least one so far beyond the interval of the difference; the last true one was kept';
ALTER TABLE siamese.training_epoch ENABLE ROW LEVEL SECURITY;
CREATE POLICY read ON siamese.training_epoch FOR SELECT USING (EXISTS (
	SELECT FROM siamese.model m WHERE m.name OPERATOR(pg_catalog.=) training_epoch.name
		AND m.version OPERATOR(pg_catalog.=) training_epoch.version));
GRANT SELECT ON siamese.training_epoch TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('siamese.training_epoch', '');

-- The checkpoints of unfinished trainings, for resume(); only the newest of each name.  The parts are rewritten in place after
-- each epoch: two versions of a part fit into a page, and no part is stored out of line, so that even without a vacuum the
-- tables take only twice the size of a checkpoint.
CREATE TABLE siamese.training_state (
	name text NOT NULL,
	version integer NOT NULL,
	epoch integer NOT NULL,
	epoch_steps bigint NOT NULL,
	samples_at_once integer NOT NULL,
	spare_memory boolean NOT NULL,
	examples_digest text NOT NULL,
	kept_epoch integer NOT NULL,
	least_eer float8 NOT NULL,
	elapsed float8 NOT NULL,
	parts integer NOT NULL,
	started_by name NOT NULL,
	PRIMARY KEY (name, version)
) WITH (fillfactor = 50);
COMMENT ON TABLE siamese.training_state IS 'checkpoints of unfinished trainings, from which siamese.resume() continues; not dumped';
COMMENT ON COLUMN siamese.training_state.epoch IS 'the last committed epoch';
COMMENT ON COLUMN siamese.training_state.kept_epoch IS 'the epoch whose weights the version has';
COMMENT ON COLUMN siamese.training_state.least_eer IS 'the least held-out error so far, to which the epochs to come are compared';
COMMENT ON COLUMN siamese.training_state.samples_at_once IS 'of each thread: batch statistics and rounding depend on it';
COMMENT ON COLUMN siamese.training_state.spare_memory IS 'whether convolutions use the method that takes least memory: rounding depends on it';
COMMENT ON COLUMN siamese.training_state.examples_digest IS 'SHA-256 over labels and prepared samples, which must not have changed';
COMMENT ON COLUMN siamese.training_state.started_by IS 'the only role for which siamese.resume() runs the examples'' query';
COMMENT ON COLUMN siamese.training_state.elapsed IS 'seconds of training up to this epoch, interruptions not counted';
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
	'weights, their moving average, the optimizer''s memory and the replicates of the least error of a checkpoint: little-endian 4-byte floats; not dumped';
SELECT pg_catalog.pg_extension_config_dump('siamese.training_state_part', 'WHERE false');

CREATE VIEW siamese.training WITH (security_invoker) AS
	SELECT e.name AS model, e.version, e.epoch, m.epochs, e.loss, e.eer AS held_out_eer, e.auc AS held_out_auc,
		e.images_per_second, e.elapsed, e.remaining, e.kept, e.committed_at
	FROM siamese.training_epoch e JOIN siamese.model m USING (name, version);
COMMENT ON VIEW siamese.training IS
	'one row for each epoch of every training, running ones included: loss, error on held-out identities, speed, elapsed and estimated remaining time, whether its weights were kept';
GRANT SELECT ON siamese.training TO PUBLIC;

CREATE FUNCTION siamese.running_trainings(OUT pid integer, OUT model text, OUT version integer, OUT phase text, OUT examples bigint,
	OUT epoch integer, OUT epochs integer, OUT step bigint, OUT steps bigint, OUT loss float8, OUT images_per_second float8,
	OUT elapsed float8, OUT remaining float8)
	RETURNS SETOF record LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED ROWS 10 AS 'MODULE_PATHNAME', 'siamese_running_trainings';
COMMENT ON FUNCTION siamese.running_trainings() IS 'what siamese.training_progress shows; times in seconds';
CREATE VIEW siamese.training_progress AS
	SELECT pid, model, version, phase, examples, epoch, epochs, step, steps, loss, images_per_second,
		pg_catalog.make_interval(secs => elapsed) AS elapsed, pg_catalog.make_interval(secs => remaining) AS remaining
	FROM siamese.running_trainings();
COMMENT ON VIEW siamese.training_progress IS
	'the trainings that run in this database at this moment, to the step: phase (reading examples, timing steps, repeating draws, learning, measuring held-out examples, committing), examples read or measured in it, epoch, step, mean loss and speed of the epoch so far, elapsed and estimated remaining time; version is NULL until the first epoch is committed; shown to whoever has the rights of the role that trains, or pg_read_all_stats, if track_activities is on';
GRANT SELECT ON siamese.training_progress TO PUBLIC;

CREATE FUNCTION siamese.model_removed() RETURNS trigger LANGUAGE c
	AS 'MODULE_PATHNAME', 'siamese_model_removed';
COMMENT ON FUNCTION siamese.model_removed() IS 'removes the weights that no version uses any more, and the checkpoint of the version''s training';
CREATE TRIGGER model_removed AFTER DELETE ON siamese.model
	FOR EACH ROW EXECUTE FUNCTION siamese.model_removed();
REVOKE ALL ON FUNCTION siamese.model_removed() FROM PUBLIC;

CREATE FUNCTION siamese.drop_model(model text) RETURNS integer LANGUAGE c VOLATILE STRICT
	AS 'MODULE_PATHNAME', 'siamese_drop_model';
COMMENT ON FUNCTION siamese.drop_model(text) IS
	'removes all versions of a model of your own ("name"), or one of them ("name@version"), and returns how many; embeddings are kept, but have no threshold any more after the last version with their fingerprint was removed';
REVOKE ALL ON FUNCTION siamese.drop_model(text) FROM PUBLIC;

CREATE TABLE siamese.pretrained (
	name text PRIMARY KEY,
	fingerprint text NOT NULL CHECK (fingerprint OPERATOR(pg_catalog.~) '^[0-9a-f]{16}$'),
	network text NOT NULL,
	purpose text NOT NULL,
	trained_on text NOT NULL,
	not_for text NOT NULL,
	errors text NOT NULL
);
COMMENT ON TABLE siamese.pretrained IS 'the models that are installed with the extension, for siamese.install_model(): what for, trained on what, not for what, and their error rates on people or characters that they never saw';
GRANT SELECT ON siamese.pretrained TO PUBLIC;
-- Its rows are the extension's, of whatever release: none is dumped.
SELECT pg_catalog.pg_extension_config_dump('siamese.pretrained', 'WHERE false');
INSERT INTO siamese.pretrained VALUES
-- include model/cards.sql
;
CREATE FUNCTION siamese.install_model(model text) RETURNS text LANGUAGE c VOLATILE STRICT
	AS 'MODULE_PATHNAME', 'siamese_install_model';
COMMENT ON FUNCTION siamese.install_model(text) IS
	'makes a pretrained model (siamese.pretrained lists them), which is installed beside the extension''s script, the next version of its name, and returns name@version; does nothing if it is there already.  It embeds and verifies at once; siamese.calibrate() fits it to your own people, and "start" among the options of siamese.train() begins from its weights';
REVOKE ALL ON FUNCTION siamese.install_model(text) FROM PUBLIC;

CREATE FUNCTION siamese.rename_model(model text, name text) RETURNS void LANGUAGE c VOLATILE STRICT
	AS 'MODULE_PATHNAME', 'siamese_rename_model';
COMMENT ON FUNCTION siamese.rename_model(text, text) IS
	'renames all versions of a model of your own; embeddings do not change; settings and triggers with the old name must be changed';
REVOKE ALL ON FUNCTION siamese.rename_model(text, text) FROM PUBLIC;

CREATE FUNCTION siamese.promote(model text) RETURNS text LANGUAGE c VOLATILE STRICT
	AS 'MODULE_PATHNAME', 'siamese_promote';
COMMENT ON FUNCTION siamese.promote(text) IS
	'makes a finished version ("name@version") of a model of your own the one that the name alone means, from the commit on, and returns the one that it meant before (NULL: none), so that promoting that one again goes back; a NOTICE names the indexes with embeddings of the version before and the triggers siamese.embed_on_write that name the model: they need the new version''s embeddings';
REVOKE ALL ON FUNCTION siamese.promote(text) FROM PUBLIC;

-- ---- embed, verify: in the extension's schema ------------------------------------------------------------------------

CREATE FUNCTION @extschema@.embed(image bytea, model text DEFAULT NULL) RETURNS @extschema@.embedding LANGUAGE c STABLE PARALLEL SAFE COST 10000
	AS 'MODULE_PATHNAME', 'siamese_embed_image';
COMMENT ON FUNCTION @extschema@.embed(bytea, text) IS
	'decodes and prepares an image and runs one twin of the model ("name", "name@version", NULL: the setting siamese.model); NULL for a NULL image; an error for anything but an image';

CREATE FUNCTION @extschema@.embed(pen anyarray, model text DEFAULT NULL) RETURNS @extschema@.embedding LANGUAGE c STABLE PARALLEL SAFE COST 3000
	AS 'MODULE_PATHNAME', 'siamese_embed_pen';
COMMENT ON FUNCTION @extschema@.embed(anyarray, text) IS
	'the same for a trajectory of a pen, real[], double precision[] or of other numbers: 10 to 20,000 rows of x, y (any unit), then pressure or pen-down (0 or -1: up), then time in seconds; an error that names the row for anything but a trajectory, and for times that cannot be seconds or have lost their differences to rounding';

CREATE FUNCTION @extschema@.embed(images bytea[], model text DEFAULT NULL) RETURNS @extschema@.embedding[] LANGUAGE c STABLE PARALLEL SAFE COST 100000
	AS 'MODULE_PATHNAME', 'siamese_embed_images';
COMMENT ON FUNCTION @extschema@.embed(bytea[], text) IS
	'embeddings of several images, computed several at a time; an array of the same shape, NULL where an image is NULL';

CREATE FUNCTION @extschema@.same_identity(a @extschema@.embedding, b @extschema@.embedding) RETURNS boolean LANGUAGE c STABLE STRICT PARALLEL SAFE COST 10 SUPPORT @extschema@.distance_support
	AS 'MODULE_PATHNAME', 'siamese_same';
COMMENT ON FUNCTION @extschema@.same_identity(@extschema@.embedding, @extschema@.embedding) IS
	'whether the distance is within the threshold of the embeddings'' model, at which a genuine and an impostor pair were equally likely on its held-out identities; an error for unbound embeddings';

CREATE FUNCTION @extschema@.same_ball(@extschema@.embedding) RETURNS @extschema@.ball LANGUAGE c STABLE STRICT PARALLEL SAFE COST 10
	AS 'MODULE_PATHNAME', 'siamese_same_ball';
COMMENT ON FUNCTION @extschema@.same_ball(@extschema@.embedding) IS
	'the ball of all embeddings that are ~= this one: its radius is the threshold of the model; the planner sends it to other servers, for columns of foreign tables';

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
	'whether two embeddings are of the same identity: decision (a probability of at least one half), calibrated probability at the setting siamese.prior, distance and threshold; far: decide by the threshold that accepts at most this share of random impostors, and of skilled ones if the held-out data had any; an error if the held-out identities cannot support it.  With a model that is no better than chance nothing is the same (threshold -Infinity)';

CREATE FUNCTION @extschema@.verify(a bytea, b bytea, model text DEFAULT NULL, far float8 DEFAULT NULL,
	OUT same boolean, OUT probability float8, OUT distance float8, OUT threshold float8)
	LANGUAGE c STABLE PARALLEL SAFE COST 20000 AS 'MODULE_PATHNAME', 'siamese_verify_images';
COMMENT ON FUNCTION @extschema@.verify(bytea, bytea, text, float8) IS
	'whether two images are of the same identity, by any model ("name", "name@version", NULL: the setting siamese.model): the row of verify(embedding, embedding, far).  For a network with a layer "pair" this is the only form; its distance is minus the log odds of "the same" that the network states, the mean of both orders (Leal-Taixé, Canton-Ferrer, Schindler 2016, section 3): lower is more alike, and it may be negative; verify(a, b) and verify(b, a) give the same';

CREATE FUNCTION @extschema@.verify(a anyarray, b anyarray, model text DEFAULT NULL, far float8 DEFAULT NULL,
	OUT same boolean, OUT probability float8, OUT distance float8, OUT threshold float8)
	LANGUAGE c STABLE PARALLEL SAFE COST 6000 AS 'MODULE_PATHNAME', 'siamese_verify_pens';
COMMENT ON FUNCTION @extschema@.verify(anyarray, anyarray, text, float8) IS
	'the same for two trajectories of a pen, real[], double precision[] or of other numbers, as embed(pen, model) takes them';

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
COMMENT ON TABLE siamese.embedding_run IS 'the last run of siamese.embed_table for each column and user, committed with its rows';
ALTER TABLE siamese.embedding_run ENABLE ROW LEVEL SECURITY;
-- to whom pg_stat_progress_create_index would show it
CREATE POLICY read ON siamese.embedding_run FOR SELECT USING (pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') OR EXISTS (
	SELECT FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) started_by AND pg_catalog.pg_has_role(r.oid, 'USAGE')));
CREATE POLICY write ON siamese.embedding_run USING (started_by OPERATOR(pg_catalog.=) current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON siamese.embedding_run TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('siamese.embedding_run', '');

CREATE VIEW siamese.embedding_progress WITH (security_invoker) AS
	SELECT target, destination, started_by, model, blocks_done, blocks, rows, failed, rows OPERATOR(pg_catalog./) nullif(seconds, 0) AS rows_per_second,
		pg_catalog.make_interval(secs => seconds) AS elapsed,
		CASE WHEN finished_at IS NULL AND blocks_done OPERATOR(pg_catalog.>) 0 THEN
			pg_catalog.make_interval(secs => seconds OPERATOR(pg_catalog.*) (blocks OPERATOR(pg_catalog.-) blocks_done) OPERATOR(pg_catalog./) blocks_done) END AS remaining,
		committed_at, finished_at
	FROM siamese.embedding_run;
COMMENT ON VIEW siamese.embedding_progress IS
	'runs of siamese.embed_table, also running ones: pages done and in total, rows embedded and left out, speed, elapsed and estimated remaining time; shown to whoever has the rights of the role that runs it, or pg_read_all_stats';
GRANT SELECT ON siamese.embedding_progress TO PUBLIC;

CREATE PROCEDURE siamese.embed_table(target regclass, source text, destination text, model text DEFAULT NULL, batch integer DEFAULT 256)
	LANGUAGE c AS 'MODULE_PATHNAME', 'siamese_embed_table';
COMMENT ON PROCEDURE siamese.embed_table(regclass, text, text, text, integer) IS
	'fills a column with the embeddings of another one (bytea; real[] or double precision[] of pens) in all rows that have none of this model yet, on siamese.training_threads threads; commits repeatedly, so that it can be interrupted and called again; rows whose sample cannot be used are left out with a warning';

CREATE PROCEDURE siamese.migrate_column(target regclass, source text, destination text, model text, samples jsonb DEFAULT NULL)
	LANGUAGE c AS 'MODULE_PATHNAME', 'siamese_migrate_column';
COMMENT ON PROCEDURE siamese.migrate_column(regclass, text, text, text, jsonb) IS
	'moves a column of embeddings of source to another version of a model ("name@version") while the table is read and written: adds a column (destination and "_migration") that is filled in batches while a trigger keeps it true, builds the same indexes concurrently, and in one short transaction promotes the version, drops the old column and renames the new one.  samples: {"table.column": "query"} for columns of references: those of other versions are made anew, in the same transaction, of the samples of a query that returns the primary key of that table and a sample, the oldest first; persons without a sample are left and named.  Commits as it goes, and can be interrupted and called again; siamese.embedding_progress and pg_stat_progress_create_index show how far it is; siamese.abandon_migration() gives up.  Locks everybody out only while the column is added and in the last transaction, each as soon as running transactions let it; the column goes to the end of the table';
REVOKE ALL ON PROCEDURE siamese.migrate_column(regclass, text, text, text, jsonb) FROM PUBLIC;
CREATE FUNCTION siamese.abandon_migration(target regclass, destination text) RETURNS boolean LANGUAGE c VOLATILE STRICT
	AS 'MODULE_PATHNAME', 'siamese_abandon_migration';
COMMENT ON FUNCTION siamese.abandon_migration(regclass, text) IS
	'removes what an interrupted siamese.migrate_column() has begun for a column: its trigger, and the new column with its indexes; false if there is nothing';

CREATE FUNCTION siamese.embed_on_write() RETURNS trigger LANGUAGE c
	AS 'MODULE_PATHNAME', 'siamese_embed_on_write';
COMMENT ON FUNCTION siamese.embed_on_write() IS
	'BEFORE INSERT OR UPDATE ... FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write(source, destination[, model]): destination becomes the embedding of source (bytea; real[] or double precision[] of a pen); does nothing if an update did not change source';

-- ---- a model as plain data -----------------------------------------------------------------------------------------

CREATE FUNCTION siamese.export_model(model text) RETURNS bytea LANGUAGE c STABLE STRICT PARALLEL SAFE COST 100000
	AS 'MODULE_PATHNAME', 'siamese_export_model';
COMMENT ON FUNCTION siamese.export_model(text) IS
	'a model ("name" or "name@version") as one value, for siamese.import_model on any server: its definition, weights, calibration and scores, without the query of its examples';
REVOKE ALL ON FUNCTION siamese.export_model(text) FROM PUBLIC;

CREATE FUNCTION siamese.import_model(model text, exported bytea) RETURNS text LANGUAGE c VOLATILE STRICT
	AS 'MODULE_PATHNAME', 'siamese_import_model';
COMMENT ON FUNCTION siamese.import_model(text, bytea) IS
	'makes an exported model the next version of a name and returns name@version; the fingerprint does not change, so embeddings remain valid; an error if any byte of the value was changed';
REVOKE ALL ON FUNCTION siamese.import_model(text, bytea) FROM PUBLIC;

CREATE FUNCTION siamese.export_onnx(model text) RETURNS bytea LANGUAGE c STABLE STRICT PARALLEL SAFE COST 100000
	AS 'MODULE_PATHNAME', 'siamese_export_onnx';
COMMENT ON FUNCTION siamese.export_onnx(text) IS
	'the network of a model for images ("name" or "name@version") as an ONNX file of opset 17: its input "x" is [batch, channels, height, width] of prepared images, (value / 255 - mean) / deviation, its output "embedding" [batch, dimensions]; of a network that compares pairs the batch is all first pictures, then all second ones, and the output the scores of the pairs in one order, then in the other; the metadata "siamese.input" has the definition''s input; an error for layers that ONNX has no operator for';
REVOKE ALL ON FUNCTION siamese.export_onnx(text) FROM PUBLIC;

CREATE FUNCTION siamese.import_onnx(model text, onnx bytea, definition jsonb DEFAULT '{}') RETURNS text LANGUAGE c VOLATILE STRICT
	AS 'MODULE_PATHNAME', 'siamese_import_onnx';
COMMENT ON FUNCTION siamese.import_onnx(text, bytea, jsonb) IS
	'makes the network of an ONNX file (opsets 1 to 25, tensors inside) the next version of a name and returns name@version.  definition: "preparation" of images ("imagenet", "face", "unit", "none", "caffe"), "input" (settings of a network''s input, which go before those; "colour" may be "bgr"), "metric" ("cosine" or "l2"), "output" (the tensor to cut the graph at), and "loss", "optimizer", "training" for fine-tuning.  What has no counterpart among the layers is refused by node and operator.  siamese.calibrate() fits thresholds and probabilities on one''s own samples';
REVOKE ALL ON FUNCTION siamese.import_onnx(text, bytea, jsonb) FROM PUBLIC;

-- ---- who may do what ---------------------------------------------------------------------------------------------------

CREATE FUNCTION siamese.grant_use(role name) RETURNS void LANGUAGE c VOLATILE STRICT
	AS 'MODULE_PATHNAME', 'siamese_grant_use';
COMMENT ON FUNCTION siamese.grant_use(name) IS
	'lets a role ("public": everybody, as after installation) use the models of this database: embed, verify, enrol references, evaluate; on its own tables embed_table() and indexes; not train, change or export a model.  For superusers and those with EXECUTE on this function; row security on siamese.model may narrow it to some models';
REVOKE ALL ON FUNCTION siamese.grant_use(name) FROM PUBLIC;
CREATE FUNCTION siamese.grant_train(role name) RETURNS void LANGUAGE c VOLATILE STRICT
	AS 'MODULE_PATHNAME', 'siamese_grant_train';
COMMENT ON FUNCTION siamese.grant_train(name) IS
	'lets a role use models and make models of its own: train, resume, calibrate, install, import, promote, rename, drop, migrate_column on its own tables, add networks; and export any model that it may use';
REVOKE ALL ON FUNCTION siamese.grant_train(name) FROM PUBLIC;
CREATE FUNCTION siamese.revoke_use(role name) RETURNS void LANGUAGE c VOLATILE STRICT
	AS 'MODULE_PATHNAME', 'siamese_revoke_use';
COMMENT ON FUNCTION siamese.revoke_use(name) IS
	'takes from a role ("public": everybody who was not granted it by name) what grant_use() and grant_train() give; a NOTICE tells if it still has the right from elsewhere';
REVOKE ALL ON FUNCTION siamese.revoke_use(name) FROM PUBLIC;
CREATE FUNCTION siamese.revoke_train(role name) RETURNS void LANGUAGE c VOLATILE STRICT
	AS 'MODULE_PATHNAME', 'siamese_revoke_train';
COMMENT ON FUNCTION siamese.revoke_train(name) IS 'takes from a role what grant_train() gives beyond grant_use(); its models stay, and stay its own';
REVOKE ALL ON FUNCTION siamese.revoke_train(name) FROM PUBLIC;

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
	'what the last scan of a siamese index in this session did: regions and cells bounded, leaves opened, codes compared, rows returned to the executor, passes over the index';
CREATE FUNCTION siamese.index_stats(index regclass, OUT model text, OUT metric text, OUT dimensions integer, OUT axes integer,
	OUT "rows" bigint, OUT null_rows bigint, OUT rows_at_build bigint, OUT regions integer, OUT cells bigint, OUT leaves bigint, OUT directories bigint,
	OUT fill double precision, OUT badly_coded double precision, OUT bytes bigint, OUT reindex_pays boolean)
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'siamese_index_stats';
COMMENT ON FUNCTION siamese.index_stats(regclass) IS
	'what a siamese index consists of (reads all of it); axes: dimensions of a row''s code if the rows lie near a subspace, else NULL; fill: share of the leaves'' space in use; badly_coded: share of rows outside of what their region or the axes were built for; reindex_pays: many of those, more than half of the rows newer than the build, or most of the space free; for the table''s owner and those who may maintain it';
CREATE FUNCTION siamese.index_model(index regclass) RETURNS text
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'siamese_index_model';
COMMENT ON FUNCTION siamese.index_model(regclass) IS
	'fingerprint of the model whose embeddings a siamese index holds, by its first page alone; NULL for an index without rows, with embeddings of no model, or whose first page is damaged';
CREATE FUNCTION siamese.index_check(index regclass, heap boolean DEFAULT false, OUT block bigint, OUT problem text) RETURNS SETOF record
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'siamese_index_check';
COMMENT ON FUNCTION siamese.index_check(regclass, boolean) IS
	'reads a whole siamese index and returns a row for every inconsistency, none if it is sound; heap: also looks up each row of the table; writers wait meanwhile; for the table''s owner and those who may maintain it';

CREATE FUNCTION siamese.nearest(target regclass, destination text, query @extschema@.embedding, k integer, id text DEFAULT NULL)
	RETURNS TABLE (id text, distance float8, part regclass) LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 10 COST 1000
	AS 'MODULE_PATHNAME', 'siamese_nearest';
COMMENT ON FUNCTION siamese.nearest(regclass, text, @extschema@.embedding, integer, text) IS
	'the k rows of a table whose embedding in the column destination is nearest to the query, nearest first, and the partition that has them; exact as ORDER BY destination <-> query LIMIT k, but all partitions, local or foreign (postgres_fdw with async_capable), are asked at once, each for its own k nearest; id: the column that is returned as text, NULL: the primary key.  Where row security applies, or the caller may not read each partition, the table is asked as a whole';

CREATE FUNCTION @extschema@.distance(reference @extschema@.reference, embedding @extschema@.embedding) RETURNS float8
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 30 AS 'MODULE_PATHNAME', 'siamese_distance_reference';
COMMENT ON FUNCTION @extschema@.distance(@extschema@.reference, @extschema@.embedding) IS
	'distance of an embedding from the person, in units of the person''s own spread (mean absolute deviation over the components; about 0.8 for genuine ones); the fewer signatures of the person, the more weight has the spread of people in general';

CREATE FUNCTION @extschema@.verify(reference @extschema@.reference, embedding @extschema@.embedding, far float8 DEFAULT NULL, frr float8 DEFAULT NULL,
	OUT answer text, OUT probability float8, OUT distance float8, OUT accept float8, OUT reject float8)
	LANGUAGE c STABLE PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', 'siamese_verify_reference';
COMMENT ON FUNCTION @extschema@.verify(@extschema@.reference, @extschema@.embedding, float8, float8) IS
	'whether an embedding is of the person of the reference: genuine up to the distance accept, forged beyond the distance reject, else inconclusive.  far: accept at most this share of impostors; frr: reject at most this share of genuine ones; without one of them its limit is at even odds, without both nothing is inconclusive; with a model that is no better than chance everything is';

CREATE FUNCTION @extschema@.distance(reference @extschema@.reference, image bytea) RETURNS float8
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20000 AS 'MODULE_PATHNAME', 'siamese_distance_reference_image';
COMMENT ON FUNCTION @extschema@.distance(@extschema@.reference, bytea) IS
	'distance of an image from the person, as verify() of the same arguments decides by it';
CREATE FUNCTION @extschema@.verify(reference @extschema@.reference, image bytea, far float8 DEFAULT NULL, frr float8 DEFAULT NULL,
	OUT answer text, OUT probability float8, OUT distance float8, OUT accept float8, OUT reject float8)
	LANGUAGE c STABLE PARALLEL SAFE COST 20000 AS 'MODULE_PATHNAME', 'siamese_verify_reference_image';
COMMENT ON FUNCTION @extschema@.verify(@extschema@.reference, bytea, float8, float8) IS
	'the row of verify(reference, embedding, far, frr) for an image, which is embedded with the model of the reference.  Where the reference keeps images (reference(image, model)) the distance is fused with elastic matching, as for pens: each place of one picture is compared with those near by of the other (Keysers et al. 2007, section 3.4) by histograms of the directions of their edges (Dalal, Triggs 2005)';
CREATE FUNCTION @extschema@.reference_add(internal, bytea, text) RETURNS internal
	AS 'MODULE_PATHNAME', 'siamese_reference_add_image' LANGUAGE C STABLE PARALLEL SAFE COST 20000;
COMMENT ON FUNCTION @extschema@.reference_add(internal, bytea, text) IS 'transition of reference(image, model)';
CREATE FUNCTION @extschema@.reference_add(internal, bytea, text, integer) RETURNS internal
	AS 'MODULE_PATHNAME', 'siamese_reference_add_image' LANGUAGE C STABLE PARALLEL SAFE COST 20000;
COMMENT ON FUNCTION @extschema@.reference_add(internal, bytea, text, integer) IS 'transition of reference(image, model, window)';
CREATE AGGREGATE @extschema@.reference(bytea, text) (
	SFUNC = @extschema@.reference_add, STYPE = internal, FINALFUNC = @extschema@.reference_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.reference(bytea, text) IS 'a person from images, embedded with the model ("name", "name@version", NULL: the setting siamese.model); the last 6 in the order of the input count, so ORDER BY when they were made.  If the model is for ink and was calibrated with forgeries it also keeps these images, as the model sees them, for elastic matching: about 5 kB each';
CREATE AGGREGATE @extschema@.reference(bytea, text, integer) (
	SFUNC = @extschema@.reference_add, STYPE = internal, FINALFUNC = @extschema@.reference_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.reference(bytea, text, integer) IS 'the same with the last so many, 1 to 1000, of which the last 6 images are kept';
CREATE FUNCTION @extschema@.reference_update(reference @extschema@.reference, image bytea) RETURNS @extschema@.reference
	AS 'MODULE_PATHNAME', 'siamese_reference_update_image' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 20000;
COMMENT ON FUNCTION @extschema@.reference_update(@extschema@.reference, bytea) IS 'the reference with one more image, embedded with its model; of the images that it keeps the oldest ends';

CREATE FUNCTION @extschema@.distance(reference @extschema@.reference, pen anyarray) RETURNS float8
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 6000 AS 'MODULE_PATHNAME', 'siamese_distance_reference_pen';
COMMENT ON FUNCTION @extschema@.distance(@extschema@.reference, anyarray) IS
	'distance of a trajectory of a pen (as embed() takes it) from the person, as verify() of the same arguments decides by it';
CREATE FUNCTION @extschema@.verify(reference @extschema@.reference, pen anyarray, far float8 DEFAULT NULL, frr float8 DEFAULT NULL,
	OUT answer text, OUT probability float8, OUT distance float8, OUT accept float8, OUT reject float8)
	LANGUAGE c STABLE PARALLEL SAFE COST 6000 AS 'MODULE_PATHNAME', 'siamese_verify_reference_pen';
COMMENT ON FUNCTION @extschema@.verify(@extschema@.reference, anyarray, float8, float8) IS
	'the same for a trajectory of a pen (as embed() takes it).  Where the reference keeps trajectories (reference(pen, model)) the distance is fused: the geometric mean of that of embeddings and of elastic matching with the last six signatures (dtw_distance(); the mean of the mean and the least distance, divided by the root of their own mean distance), weighted as held-out people at training showed, and calibrated as one';
CREATE FUNCTION @extschema@.reference_add(internal, anyarray, text) RETURNS internal
	AS 'MODULE_PATHNAME', 'siamese_reference_add_pen' LANGUAGE C STABLE PARALLEL SAFE COST 6000;
COMMENT ON FUNCTION @extschema@.reference_add(internal, anyarray, text) IS 'transition of reference(pen, model)';
CREATE FUNCTION @extschema@.reference_add(internal, anyarray, text, integer) RETURNS internal
	AS 'MODULE_PATHNAME', 'siamese_reference_add_pen' LANGUAGE C STABLE PARALLEL SAFE COST 6000;
COMMENT ON FUNCTION @extschema@.reference_add(internal, anyarray, text, integer) IS 'transition of reference(pen, model, window)';
CREATE AGGREGATE @extschema@.reference(anyarray, text) (
	SFUNC = @extschema@.reference_add, STYPE = internal, FINALFUNC = @extschema@.reference_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.reference(anyarray, text) IS 'a person from trajectories of a pen, embedded with the model; the last 6 in the order of the input count; it keeps these trajectories as the model sees them, one byte a value, for elastic matching: about 2 kB each';
CREATE AGGREGATE @extschema@.reference(anyarray, text, integer) (
	SFUNC = @extschema@.reference_add, STYPE = internal, FINALFUNC = @extschema@.reference_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.reference(anyarray, text, integer) IS 'the same with the last so many, 1 to 1000, of which the last 6 trajectories are kept';
CREATE FUNCTION @extschema@.reference_update(reference @extschema@.reference, pen anyarray) RETURNS @extschema@.reference
	AS 'MODULE_PATHNAME', 'siamese_reference_update_pen' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 6000;
COMMENT ON FUNCTION @extschema@.reference_update(@extschema@.reference, anyarray) IS 'the reference with one more trajectory, embedded with its model; of the trajectories that it keeps the oldest ends';

CREATE FUNCTION @extschema@.reference_unpack(packed bytea, model text DEFAULT NULL) RETURNS @extschema@.reference
	LANGUAGE c STABLE PARALLEL SAFE COST 30 AS 'MODULE_PATHNAME', 'siamese_reference_unpack';
COMMENT ON FUNCTION @extschema@.reference_unpack(bytea, text) IS
	'the reference that was packed by reference::bytea, with that model; more than 16 embeddings have become 16';

CREATE FUNCTION @extschema@.explain_verification(reference @extschema@.reference, pen anyarray, model text DEFAULT NULL)
	RETURNS TABLE (section integer, property text, contribution float8, distance float8)
	LANGUAGE c STABLE PARALLEL SAFE ROWS 20 COST 100000 AS 'MODULE_PATHNAME', 'siamese_explain_pen';
COMMENT ON FUNCTION @extschema@.explain_verification(@extschema@.reference, anyarray, text) IS
	'why a trajectory (as embed() takes it) is far from the person: for each fifth of the writing and each of shape, speed, pressure and pen lifts, by how much the distance falls if that part is replaced by the signature''s mean; the largest contributions are the main reasons';
CREATE FUNCTION @extschema@.explain_verification(reference @extschema@.reference, embedding @extschema@.embedding)
	RETURNS TABLE (component integer, section integer, observed float8, expected float8, spread float8, deviation float8)
	LANGUAGE c STABLE PARALLEL SAFE ROWS 100 COST 100 AS 'MODULE_PATHNAME', 'siamese_explain_embedding';
COMMENT ON FUNCTION @extschema@.explain_verification(@extschema@.reference, @extschema@.embedding) IS
	'each component of an embedding, how many spreads it is from the person''s mean; section: the part of the writing that a component depends on, if the network keeps them apart (bromley: 1 to 19)';

-- ---- training, evaluation, preview, generator ------------------------------------------------------------------------

CREATE PROCEDURE siamese.train(model text, examples text, network text DEFAULT NULL, epochs integer DEFAULT NULL,
	seed bigint DEFAULT 1, options jsonb DEFAULT '{}')
	LANGUAGE c AS 'MODULE_PATHNAME', 'siamese_train';
COMMENT ON PROCEDURE siamese.train(text, text, text, integer, bigint, jsonb) IS
	'trains the next version of a model from a query that returns (sample, label), (sample, label, genuine boolean) or (sample, label, genuine, group), sample bytea for images, real[] or double precision[] for pens; identities, or with the fourth column whole groups of them (of any type; a label whose rows all have NULL is a group of its own, a label in two groups is an error), are split by seed; commits after each epoch and keeps the one with the lowest held-out error; network NULL: that of the model which the option "start" names, without it compact';
REVOKE ALL ON PROCEDURE siamese.train(text, text, text, integer, bigint, jsonb) FROM PUBLIC;

CREATE PROCEDURE siamese.resume(model text)
	LANGUAGE c AS 'MODULE_PATHNAME', 'siamese_resume';
COMMENT ON PROCEDURE siamese.resume(text) IS
	'continues a training that was cancelled or interrupted, from its last committed epoch, to the same weights as without the interruption; "name" (its newest version) or "name@version"; the examples'' query is run again and must return the same rows';
REVOKE ALL ON PROCEDURE siamese.resume(text) FROM PUBLIC;

CREATE FUNCTION siamese.evaluate(model text, examples text, refs integer DEFAULT 0, seed bigint DEFAULT 1)
	RETURNS TABLE (impostors text, rule text, genuine_pairs bigint, impostor_pairs bigint, eer float8, eer_low float8, eer_high float8,
		auc float8, accuracy float8, threshold float8, far float8, far_low float8, far_high float8, frr float8, frr_low float8, frr_high float8)
	LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'siamese_evaluate';
COMMENT ON FUNCTION siamese.evaluate(text, text, integer, bigint) IS
	'error rates of a model on other examples, separately against random impostors (other labels) and skilled ones (forgeries): EER and AUC over all thresholds, then balanced accuracy, FAR and FRR at the model''s own threshold; low and high: 95 % intervals by resampling identities, or groups where the query has a fourth column, NULL for fewer than 5; refs > 0: also decisions as verify(reference, sample) takes them (rule reference): of each label a reference of its first refs genuine samples, in the order of the query''s rows, against its others, its forgeries and others'' samples; the threshold is that at even odds';

CREATE FUNCTION siamese.thresholds(model text, examples text DEFAULT NULL, seed bigint DEFAULT 1, refs integer DEFAULT 0)
	RETURNS TABLE (rate float8, threshold float8, threshold_low float8, threshold_high float8, rate_low float8, rate_high float8,
		impostors text, far float8, far_low float8, far_high float8, frr float8, frr_low float8, frr_high float8)
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'siamese_thresholds';
COMMENT ON FUNCTION siamese.thresholds(text, text, bigint, integer) IS
	'the model''s thresholds for false-accept rates of 10, 1, 0.1 % and so on, as verify(a, b, far) uses them (NULL if its held-out identities cannot support the rate), each with 95 % intervals of the threshold and of its rate among other people; with examples also the rates observed there, separately for random and skilled impostors; refs > 0: those of verify(reference, sample, far) with references of so many samples, as siamese.evaluate() makes them';

CREATE FUNCTION siamese.reliability(model text, examples text, bins integer DEFAULT 10, seed bigint DEFAULT 1, refs integer DEFAULT 0)
	RETURNS TABLE (bin integer, predicted float8, observed float8, observed_low float8, observed_high float8, weight float8, pairs bigint,
		ece float8)
	LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'siamese_reliability';
COMMENT ON FUNCTION siamese.reliability(text, text, integer, bigint, integer) IS
	'how well verify()''s probability is calibrated: the examples'' pairs in bins of equal weight, by rising distance: mean probability, observed share of genuine pairs with its 95 % interval over identities, or groups if the query has a fourth column, at the setting siamese.prior; ece: the expected calibration error, sum(weight * abs(predicted - observed)), the same in each row; refs > 0: of verify(reference, sample), as siamese.evaluate() makes references';

CREATE FUNCTION siamese.drift(model text, examples text, seed bigint DEFAULT 1)
	RETURNS TABLE (share float8, observed float8, observed_low float8, observed_high float8, samples bigint, identities integer, drifted boolean)
	LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'siamese_drift';
COMMENT ON FUNCTION siamese.drift(text, text, bigint) IS
	'whether people look like those whom the model''s calibration was fitted on, from genuine samples alone: each is compared with the reference of its identity''s other ones, and observed is the part that lies beyond the distance which the calibration states for this share of genuine samples (that verify(reference, sample, frr => share) rejects); the 95 % interval counts the people here and those of the calibration, NULL for fewer than 5; drifted: the share lies outside of it, so probabilities and rates do not hold for these people and siamese.calibrate() is needed.  More beyond than stated: people are rejected who should not be';

CREATE FUNCTION siamese.calibrate(model text, examples text, seed bigint DEFAULT 1) RETURNS text
	LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'siamese_calibrate';
COMMENT ON FUNCTION siamese.calibrate(text, text, bigint) IS
	'fits thresholds and probabilities again on your own people, who must not be among those that the model learned from (this cannot be checked): makes the next version of a model of your own, with the same network and fingerprint, so embeddings remain valid and verify() and ~= use the new calibration; returns its "name@version"; if the query has a fourth column, group, intervals and supported rates are over groups; an error for fewer than 5 identities or groups.  Without forgeries among the examples, those that the version was calibrated with are assumed: its probabilities are moved by what genuine samples have moved, less the fewer people there are, its thresholds of false-accept rates stay or come nearer, and a NOTICE says by how much';
REVOKE ALL ON FUNCTION siamese.calibrate(text, text, bigint) FROM PUBLIC;

CREATE FUNCTION siamese.report(model text, examples text, seed bigint DEFAULT 1, refs integer DEFAULT 0) RETURNS text
	LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'siamese_report';
COMMENT ON FUNCTION siamese.report(text, text, bigint, integer) IS
	'an evaluation of a model on other examples as one self-contained page of HTML without scripts: error rates with intervals, ROC and DET curves, distances, reliability, thresholds, training by epoch, the worst errors as pictures; refs > 0: of decisions by references, as siamese.evaluate() makes them';

CREATE FUNCTION siamese.roc(model text, examples text, impostors text DEFAULT 'random', refs integer DEFAULT 0)
	RETURNS TABLE (threshold float8, far float8, frr float8)
	LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'siamese_roc';
COMMENT ON FUNCTION siamese.roc(text, text, text, integer) IS
	'false-accept and false-reject rates by threshold; impostors: random (other labels) or skilled (forgeries); refs > 0: of decisions by references, as siamese.evaluate() makes them';

CREATE FUNCTION siamese.crop(image bytea, region box) RETURNS bytea LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1000
	AS 'MODULE_PATHNAME', 'siamese_crop';
COMMENT ON FUNCTION siamese.crop(bytea, box) IS
	'the part of an image (of any format that embed() reads, turned as its orientation tag says) within a region, in its own pixels, as a PNG, grey if all of them are; region: box(point(left, top), point(right, bottom)) in pixels from the upper left corner, may extend beyond the image, and holds the pixels whose centres lie in it; an error if these are none';

CREATE FUNCTION siamese.track_quality(truth text, tracks text, OUT mota float8, OUT motp float8, OUT idf1 float8, OUT idp float8,
	OUT idr float8, OUT switches integer, OUT fragmentations integer, OUT false_positives integer, OUT misses integer,
	OUT mostly_tracked integer, OUT mostly_lost integer, OUT true_tracks integer, OUT true_boxes integer, OUT found_tracks integer,
	OUT found_boxes integer)
	LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'siamese_track_quality';
COMMENT ON FUNCTION siamese.track_quality(text, text) IS
	'how good the tracks of one video are, from two queries that return (frame integer, track of any type, region box): MOTA, MOTP (mean overlap of matched boxes), switches, fragmentations, false positives and misses by CLEAR MOT (Bernardin, Stiefelhagen 2008), IDF1, IDP and IDR by identities (Ristani et al. 2016), boxes matched where intersection over union is at least 0.5; mostly tracked: matched in 80 % of its frames, mostly lost: in less than 20 %; shares are of 1, and NULL where they are shares of nothing; an error for a box without area and for two boxes of one track in one frame';

CREATE FUNCTION @extschema@.dtw_distance(a anyarray, b anyarray) RETURNS double precision LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1000
	AS 'MODULE_PATHNAME', 'siamese_dtw_distance';
COMMENT ON FUNCTION @extschema@.dtw_distance(anyarray, anyarray) IS 'elastic matching (dynamic time warping: Sakoe, Chiba 1978) of two trajectories of a pen, as embed() takes them, without a model: the sum of the differences of place, acceleration (twice) and pressure along the best path, in standard deviations, divided by the points of a, the signature on file; 0 for the same; not symmetric: a slow imitation is farther';

CREATE PROCEDURE siamese.train_tracker(model text, examples text, appearance text DEFAULT NULL, options jsonb DEFAULT '{}')
	LANGUAGE c AS 'MODULE_PATHNAME', 'siamese_train_tracker';
COMMENT ON PROCEDURE siamese.train_tracker(text, text, text, jsonb) IS
	'learns how to link detections, as the next version of a model, from a query that returns (sequence of any type, frame integer, region box, score, track of any type) and then, in any order, image bytea or appearance embedding if the appearance is given (a model with embeddings, or one that compares pairs of images, for siamese.link() alone; NULL: geometry alone), and frame_rate (frames a second; else the option''s); track is NULL for a false detection; scores are compared within a sequence only; options: trees, depth and rate of the boosting, gap (seconds that a track may be unseen, 3), frame_rate (25); Leal-Taixé et al. 2016, sections 4 and 5';
REVOKE ALL ON PROCEDURE siamese.train_tracker(text, text, text, jsonb) FROM PUBLIC;

CREATE FUNCTION siamese.track(frame integer, region box, score float8, appearance @extschema@.embedding, model text, frame_rate float8 DEFAULT NULL)
	RETURNS integer LANGUAGE c STABLE WINDOW PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'siamese_track';
COMMENT ON FUNCTION siamese.track(integer, box, float8, @extschema@.embedding, text, float8) IS
	'window function: the number of the track of each detection of a video, from 1 in the order of first frames, NULL for a false detection and where frame, region or score is NULL; PARTITION BY video, no ORDER BY; appearance: an embedding by the appearance model of the tracker, may be NULL; frame_rate: frames a second, NULL: the mean of the tracker''s examples; an error for a box without area, a score that is not finite and embeddings of another model';

CREATE FUNCTION siamese.link(detections text, model text, options jsonb DEFAULT '{}')
	RETURNS TABLE (id text, track integer, frame integer, region box, score float8, interpolated boolean)
	LANGUAGE c VOLATILE STRICT COST 100000 ROWS 10000 AS 'MODULE_PATHNAME', 'siamese_link';
COMMENT ON FUNCTION siamese.link(text, text, jsonb) IS
	'the tracks of one video, by frame and track: what siamese.track() finds among the rows of a query that returns (id of any type, frame integer, region box, score) and then, if the tracker has an appearance, image bytea (embedded here, on siamese.training_threads threads) or appearance embedding; false detections are left out, gaps filled (id and score NULL, interpolated true) and boxes smoothed; options: frame_rate (frames a second; the mean of the tracker''s examples), interpolate (gaps of up to so many seconds; the gap of the tracker), smooth (seconds on both sides of a box that its place is fitted over, 0.8; 0: boxes as they were detected)';

CREATE FUNCTION siamese.preview(image bytea, model text DEFAULT NULL) RETURNS bytea LANGUAGE c STABLE PARALLEL SAFE COST 1000
	AS 'MODULE_PATHNAME', 'siamese_preview';
COMMENT ON FUNCTION siamese.preview(bytea, text) IS 'an image exactly as the model''s network sees it, as a PNG';

CREATE FUNCTION siamese.preview(pen anyarray, model text DEFAULT NULL) RETURNS bytea LANGUAGE c STABLE PARALLEL SAFE COST 1000
	AS 'MODULE_PATHNAME', 'siamese_preview_pen';
COMMENT ON FUNCTION siamese.preview(anyarray, text) IS 'a pen''s trajectory (as embed() takes it) as it is prepared for the model''s network, and the features that the network sees, as an SVG';

CREATE FUNCTION siamese.pen_from_svc2004(file text) RETURNS real[] LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100
	AS 'MODULE_PATHNAME', 'siamese_pen_from_svc2004';
COMMENT ON FUNCTION siamese.pen_from_svc2004(text) IS 'trajectory of a file of the SVC2004 collection, task 1 or 2: real[] of N x 4, rows of x, y (tablet units), pressure (0: pen up), time in seconds from 0; an error that names the line for another file';
CREATE FUNCTION siamese.pen_from_inkml(file text) RETURNS real[] LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100
	AS 'MODULE_PATHNAME', 'siamese_pen_from_inkml';
COMMENT ON FUNCTION siamese.pen_from_inkml(text) IS 'trajectory of all traces of an InkML document by the channels of their contexts: real[] of N x 3 or 4, rows of x, y (in the unit of the first trace''s X), pressure (0: pen up), and time in seconds from 0 if all traces have a channel T; an error that names the line for what cannot be read';
CREATE FUNCTION siamese.pen_from_iso19794_7(file bytea) RETURNS real[] LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100
	AS 'MODULE_PATHNAME', 'siamese_pen_from_iso19794_7';
COMMENT ON FUNCTION siamese.pen_from_iso19794_7(bytea) IS 'trajectory of a signature in the full format of ISO/IEC 19794-7:2007: real[] of N x 3 or 4, rows of x, y (by its scaling values), pressure (0: pen up), and time in seconds from 0 if it has a channel T or DT; an error for other bytes';

CREATE FUNCTION siamese.sample_signatures(signers integer, samples integer, seed bigint DEFAULT 1)
	RETURNS TABLE (signer integer, sample integer, genuine boolean, image bytea, pen real[])
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 1000 COST 5000 AS 'MODULE_PATHNAME', 'siamese_sample_signatures';
COMMENT ON FUNCTION siamese.sample_signatures(integer, integer, bigint) IS
	'synthetic signatures from a kinematic pen model: for each signer as many skilled forgeries as genuine samples; image: a PNG; pen: points of x, y (0.01 mm), pressure (0 to 1, 0: pen up), time (seconds)';

CREATE FUNCTION siamese.sample_detections(people integer, frames integer, seed bigint DEFAULT 1)
	RETURNS TABLE (frame integer, region box, score double precision, person integer, image bytea)
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 1000 COST 5000 AS 'MODULE_PATHNAME', 'siamese_sample_detections';
COMMENT ON FUNCTION siamese.sample_detections(integer, integer, bigint) IS
	'what a detector finds in a synthetic video of 15 frames a second, 384 x 240 pixels, in which people of their own looks walk past and hide one another: frame, from 1; region in pixels, y downwards; score, 0 to 1; person, NULL where nobody is; image: the region, a PNG';
