-- CLA-2: certificates are removed from a computer before it becomes an image.
--
-- Decides: two computers with different names and different addresses that registered with the same signing key (fail,
-- strong): they were cloned with it. Different names at one address, or different addresses without known names, are
-- hints.
-- Left out: boot media (agent_type 1), ISV proxies and their clients (4, 8), which share a certificate by design.
-- Cannot be told: that no image held a certificate, so nothing passes; a computer that was renamed and moved between
-- two registrations looks like two.
WITH
registered AS (
    SELECT certificate.id, min(certificate.packet) AS packet, certificate.time, certificate.spki_sha256 AS spki,
           registration.client, upper(registration.netbios) AS name
    FROM certificate JOIN registration ON registration.message = certificate.message
    WHERE certificate.seen_as = 'message-signing'
      AND certificate.spki_sha256 IS NOT NULL
      AND coalesce(registration.agent_type, 0) NOT IN (1, 4, 8)
    GROUP BY certificate.spki_sha256, registration.client, upper(registration.netbios)
),
shared AS (
    SELECT spki, count(DISTINCT name) AS names, count(DISTINCT client) AS clients
    FROM registered
    GROUP BY spki
    HAVING count(DISTINCT name) > 1 OR count(DISTINCT client) > 1
)
SELECT 'fail' AS result,
       CASE WHEN names > 1 AND clients > 1 THEN 'strong' ELSE 'hint' END AS grade,
       'certificate' AS evidence, id AS row, packet, time,
       coalesce(name || ' (' || client || ')', client, '?') AS subject,
       CASE WHEN names > 1 AND clients > 1
            THEN 'computers with different names and addresses registered with the same key'
            WHEN names > 1 THEN 'computers with different names at one address registered with the same key'
            ELSE 'the same key was registered from different addresses' END AS why
FROM registered JOIN shared USING (spki)
WHERE names > 1 OR name IS NULL
