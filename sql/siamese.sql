-- siamese: similarity search that learns.  The installation script; sql/siamese--1.0.sql is a copy.
\echo Use "CREATE EXTENSION siamese" to load this file. \quit

-- ---- embedding: the type, its distances, order and aggregates --------------------------------------------------------

-- ---- siamese: networks, models, training -----------------------------------------------------------------------------

CREATE SCHEMA siamese;
COMMENT ON SCHEMA siamese IS 'administration of the siamese extension: networks, models, training';
GRANT USAGE ON SCHEMA siamese TO PUBLIC;
