-- CRT-7: the signing certificate of the site server is guarded.
--
-- Decides, for breaches only: two different signing keys of one site server (same subject and subjectAltName) that are
-- shown in turn: the first, the other, and the first again, while both are valid (fail, strong).
-- Hints only: two keys one after the other, which a renewal explains.
-- Cannot be told: how the private key is kept, so nothing passes; whether a key file was copied (SMB names are not
-- decoded for this yet); signatures of policy assignments, whose bytes are not documented.
WITH
shown AS (
    SELECT id, packet, time, host, spki_sha256 AS spki, coalesce(subject, '') || ' ' || coalesce(san, '') AS site
    FROM certificate
    WHERE seen_as = 'sitesign' AND spki_sha256 IS NOT NULL AND time BETWEEN not_before AND not_after
      AND san IS NOT NULL
),
other AS (
    SELECT b.id, b.packet, b.time, b.host, b.site,
           EXISTS (SELECT 1 FROM shown c WHERE c.site = b.site AND c.spki = a.spki AND c.packet > b.packet) AS again
    FROM shown a JOIN shown b ON b.site = a.site AND b.spki <> a.spki AND b.packet > a.packet
)
SELECT 'fail' AS result, CASE WHEN max(again) THEN 'strong' ELSE 'hint' END AS grade,
       'certificate' AS evidence, id AS row, min(packet) AS packet, time,
       site || ' shown by ' || coalesce(host, '?') AS subject,
       CASE WHEN max(again) THEN 'two signing keys of one site server are in use at one time'
            ELSE 'another signing key of the same site server than before; a renewal looks like this' END AS why
FROM other
GROUP BY site, host
