-- The same on every server: rows, distances, decisions, and what the indexes find.
SELECT name, version, fingerprint, metric, dimensions, calibration, scores, finished_at AT TIME ZONE 'UTC', promoted_at AT TIME ZONE 'UTC' FROM siamese.model ORDER BY 1, 2;
SELECT fingerprint, part, sha256(weights) FROM siamese.model_weights ORDER BY 1, 2;
SELECT name, version, training, calibration FROM siamese.model_examples ORDER BY 1, 2;
SELECT id, embedding_send(e), embedding_send(p), embed(pen, 'pens@1') = p FROM specimen ORDER BY id;
SELECT signer, reference_send(r), reference_send(s) FROM person ORDER BY signer;
SELECT x.id, y.id, x.e <-> y.e, x.e ~= y.e, verify(x.e, y.e), x.p <-> y.p FROM specimen x, specimen y WHERE x.id < y.id AND y.id < 24 ORDER BY 1, 2;
SELECT signer, id, verify(r, pen), verify(s, e) FROM person JOIN specimen USING (signer) WHERE sample > 6 ORDER BY 1, 2;
SET enable_seqscan = off;
SELECT x.id, ARRAY(SELECT y.id FROM specimen y ORDER BY y.e <-> x.e, y.id LIMIT 5), ARRAY(SELECT y.id FROM specimen y ORDER BY y.p <-> x.p, y.id LIMIT 5) FROM specimen x ORDER BY 1;
SELECT x.id, (SELECT array_agg(id ORDER BY id) FROM specimen y WHERE y.e <@ b) FROM around x ORDER BY 1;
SELECT * FROM siamese.index_check('by_e', true);
SELECT * FROM siamese.index_check('by_p', true);
