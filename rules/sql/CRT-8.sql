-- CRT-8: a renewed signing certificate of the site server has a new key pair.
--
-- Decides: two signing certificates of one site server (same subject and subjectAltName) with different serial numbers
-- that one host shows: with the same key it was carried on (fail, proof); with different keys, the later one valid from a
-- later time and shown after the other, which is not shown again, it was renewed with a new one (pass, strong).
-- Cannot be told: anything while only one certificate is seen. Nothing is kept from one capture to the next.
WITH
shown AS (
    SELECT id, packet, time, host, serial, spki_sha256 AS spki, not_before,
           coalesce(subject, '') || ' ' || san AS site
    FROM certificate
    WHERE seen_as = 'sitesign' AND spki_sha256 IS NOT NULL AND serial IS NOT NULL AND san IS NOT NULL
),
renewed AS (
    SELECT b.id, b.packet, b.time, b.host, b.site, a.spki = b.spki AS same,
           b.not_before > a.not_before
               AND NOT EXISTS (SELECT 1 FROM shown c WHERE c.host = b.host AND c.site = b.site AND c.serial = a.serial
                                                        AND c.packet > b.packet) AS succeeds
    FROM shown a JOIN shown b ON b.host = a.host AND b.site = a.site AND b.serial <> a.serial AND b.packet > a.packet
)
SELECT CASE WHEN max(same) THEN 'fail' ELSE 'pass' END AS result,
       CASE WHEN max(same) THEN 'proof' WHEN min(succeeds) THEN 'strong' ELSE 'hint' END AS grade,
       'certificate' AS evidence, id AS row, min(packet) AS packet, time,
       site || ' shown by ' || coalesce(host, '?') AS subject,
       CASE WHEN max(same) THEN 'renewed signing certificate has the key of the one before'
            WHEN min(succeeds) THEN 'renewed signing certificate has a new key'
            ELSE 'two signing certificates with different keys, of which neither clearly follows the other' END AS why
FROM renewed
GROUP BY site, host
