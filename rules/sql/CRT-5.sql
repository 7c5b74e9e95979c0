-- CRT-5: site systems take client certificates of named authorities only.
--
-- Decides: the authorities that a site system names when it asks for a client certificate, and those whose certificates it
-- took. With authorities in the site file (pki: root, issuer): a name that is not declared fails, so does a client
-- certificate of an issuer that is not declared and that no declared one certifies (proof; a hint when only roots are
-- declared, since the chain need not be sent). Without them only names of well-known public authorities fail (strong).
-- Passes if all lists that were seen name declared authorities only, none is empty, no other certificate was taken, and
-- nothing was missed. That holds for what is advertised.
-- Cannot be told: what a server takes that names nobody (usual since Windows Server 2012); lists in renegotiations and in
-- TLS 1.3 that were not decrypted.
WITH
public(word) AS (
    VALUES ('VeriSign'), ('Thawte'), ('GTE CyberTrust'), ('Baltimore CyberTrust'), ('Entrust.net'), ('GlobalSign'), ('Equifax'),
           ('GeoTrust'), ('DigiCert'), ('Go Daddy'), ('Starfield Tech'), ('COMODO'), ('USERTRUST'), ('Microsoft Root')
),
declared AS (
    SELECT kind, lower(replace(value, ', ', ',')) AS name FROM site_pki WHERE kind IN ('root', 'issuer')
),
known AS (
    SELECT count(name) > 0 AS any, coalesce(max(kind = 'issuer'), 0) AS issuers FROM declared
),
-- The first of each list that a server sends. A semicolon inside a name keeps a list from being taken apart.
request AS (
    SELECT tls.id, min(tls.packet) AS packet, tls.time, tls.server, tls.ca_names AS names, tls.ca_count AS size, system.source,
           coalesce(tls.ca_count, 0) > 0 AND tls.ca_names IS NOT NULL AND instr(tls.ca_names, '\;') = 0 AS readable
    FROM system JOIN tls ON tls.server = system.host
    WHERE tls.certificate_requested = 1
    GROUP BY tls.server, tls.ca_names
),
-- The first name in it that is not declared; without declared ones, that is of a public authority.
judged AS (
    SELECT request.*, known.any AS compared,
           length(names) - length(replace(names, ';', '')) + 1 IS size AS whole,
           CASE WHEN readable THEN
               (SELECT trim(part.value) FROM json_each('[' || replace(json_quote(names), ';', '","') || ']') AS part
                WHERE CASE WHEN known.any THEN lower(replace(trim(part.value), ', ', ',')) NOT IN (SELECT name FROM declared)
                           ELSE EXISTS (SELECT word FROM public WHERE instr(lower(part.value), lower(word)) > 0) END
                LIMIT 1) END AS stranger
    FROM request CROSS JOIN known
),
taken AS (
    SELECT tls.id, min(tls.packet) AS packet, tls.time, tls.client, tls.server, certificate.issuer, system.source
    FROM system JOIN tls ON tls.server = system.host
    JOIN certificate ON certificate.flow = tls.flow AND certificate.seen_as = 'client' AND certificate.chain = 0
    WHERE tls.client_verified = 1 AND tls.client_bytes > 0 AND tls.server_bytes > 0
      AND NOT EXISTS (SELECT 1 FROM certificate one
                      WHERE one.flow = tls.flow AND one.seen_as = 'client'
                        AND lower(replace(one.issuer, ', ', ',')) IN (SELECT name FROM declared))
    GROUP BY tls.server, certificate.issuer
),
weighed AS (
    SELECT *, max(stranger IS NOT NULL OR NOT (readable AND whole)) OVER ()
              OR (SELECT count(id) FROM taken) OR (SELECT count(*) FROM coverage WHERE incomplete = 1 AND value > 0) AS doubt
    FROM judged
)
SELECT CASE WHEN stranger IS NOT NULL THEN 'fail' WHEN readable AND compared THEN 'pass' ELSE 'notobserved' END AS result,
       CASE WHEN stranger IS NOT NULL THEN CASE WHEN compared THEN 'proof' ELSE 'strong' END
            WHEN readable AND compared AND NOT doubt THEN 'proof'
            ELSE 'hint' END AS grade,
       'tls' AS evidence, id AS row, packet, time,
       server || coalesce(' names ' || stranger || CASE WHEN size > 1 THEN ', of ' || size || ' names' ELSE '' END, '')
           AS subject,
       CASE WHEN stranger IS NOT NULL AND compared
            THEN 'a site system takes client certificates of an authority that is not declared'
            WHEN stranger IS NOT NULL THEN 'a site system takes client certificates of a public authority'
            WHEN readable AND compared THEN 'a site system names declared authorities only'
            WHEN readable THEN 'a site system names authorities, and the site file declares none to compare them with'
            ELSE 'a site system asks for a client certificate and names no authority, which says nothing' END AS why,
       CASE WHEN compared THEN max(source, 'declared') ELSE source END AS rests_on
FROM weighed
UNION ALL
SELECT 'fail', CASE WHEN issuers THEN 'proof' ELSE 'hint' END, 'tls', id, packet, time,
       client || ' -> ' || server || ' by ' || issuer,
       'a site system took a client certificate of an issuer that is not declared', max(source, 'declared')
FROM taken CROSS JOIN known
WHERE known.any
