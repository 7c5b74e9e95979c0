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
    SELECT EXISTS (SELECT name FROM declared) AS any, EXISTS (SELECT name FROM declared WHERE kind = 'issuer') AS issuers
),
-- The first of each list that a server sends. A semicolon inside a name keeps a list from being taken apart.
request AS (
    SELECT tls.id, min(tls.packet) AS packet, tls.time, tls.server, tls.ca_names AS names, system.source,
           coalesce(tls.ca_count, 0) > 0 AND tls.ca_names IS NOT NULL AND instr(tls.ca_names, '\;') = 0 AS readable,
           length(tls.ca_names) - length(replace(tls.ca_names, ';', '')) + 1 IS tls.ca_count AS whole
    FROM system JOIN tls ON tls.server = system.host
    WHERE tls.certificate_requested = 1
    GROUP BY tls.server, tls.ca_names
),
named AS (
    SELECT request.*, trim(part.value) AS authority
    FROM request JOIN json_each('[' || replace(json_quote(request.names), ';', '","') || ']') AS part
    WHERE request.readable
),
stranger AS (
    SELECT named.*, known.any AS judged
    FROM named CROSS JOIN known
    WHERE CASE WHEN known.any THEN lower(replace(authority, ', ', ',')) NOT IN (SELECT name FROM declared)
               ELSE EXISTS (SELECT 1 FROM public WHERE instr(lower(named.authority), lower(public.word)) > 0) END
),
taken AS (
    SELECT tls.id, min(tls.packet) AS packet, tls.time, tls.client, tls.server, certificate.issuer, system.source
    FROM system JOIN tls ON tls.server = system.host
    JOIN certificate ON certificate.flow = tls.flow AND certificate.seen_as = 'client' AND certificate.chain = 0
    WHERE tls.client_verified = 1 AND tls.client_bytes > 0 AND tls.server_bytes > 0 AND (SELECT any FROM known)
      AND NOT EXISTS (SELECT 1 FROM certificate one JOIN declared ON declared.name = lower(replace(one.issuer, ', ', ','))
                      WHERE one.flow = tls.flow AND one.seen_as = 'client')
    GROUP BY tls.server, certificate.issuer
),
doubt AS (
    SELECT NOT (SELECT any FROM known)
        OR EXISTS (SELECT 1 FROM request WHERE NOT (readable AND whole))
        OR EXISTS (SELECT id FROM stranger)
        OR EXISTS (SELECT id FROM taken)
        OR EXISTS (SELECT 1 FROM coverage WHERE incomplete = 1 AND value > 0) AS any
)
SELECT 'fail' AS result, CASE WHEN judged THEN 'proof' ELSE 'strong' END AS grade, 'tls' AS evidence, id AS row, packet, time,
       server || ' names ' || authority AS subject,
       CASE WHEN judged THEN 'a site system takes client certificates of an authority that is not declared'
            ELSE 'a site system takes client certificates of a public authority' END AS why,
       CASE WHEN judged THEN max(source, 'declared') ELSE source END AS rests_on
FROM stranger
UNION ALL
SELECT 'fail', CASE WHEN (SELECT issuers FROM known) THEN 'proof' ELSE 'hint' END, 'tls', id, packet, time,
       client || ' -> ' || server || ' by ' || issuer,
       'a site system took a client certificate of an issuer that is not declared', max(source, 'declared')
FROM taken
UNION ALL
SELECT 'pass', CASE WHEN (SELECT any FROM doubt) THEN 'hint' ELSE 'proof' END, 'tls', id, packet, time, server,
       'a site system names declared authorities only', max(source, 'declared')
FROM request
WHERE readable AND (SELECT any FROM known) AND id NOT IN (SELECT id FROM stranger)
UNION ALL
SELECT 'notobserved', 'hint', 'tls', id, packet, time, server,
       CASE WHEN readable THEN 'a site system names authorities, and the site file declares none to compare them with'
            ELSE 'a site system asks for a client certificate and names no authority, which says nothing' END, source
FROM request
WHERE id NOT IN (SELECT id FROM stranger) AND NOT (readable AND (SELECT any FROM known))
