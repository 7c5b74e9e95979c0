-- CRT-3: clients check whether the certificate of a site system has been revoked.
--
-- Decides: the certificate that a management, distribution, software update or state migration point showed a client in
-- a full handshake, and what that client asked for at the addresses in it. Fails where it names no address at all (proof),
-- where it names only a directory and the client is in a network that is declared as the Internet, and where a client could
-- not get the list, not at another address either, and went on to a new handshake all the same (strong: the check is off,
-- since with it a client stops).
-- Passes if every client that was shown such a certificate got its list, or a staple that it had asked for, afterwards, and
-- nothing was missed.
-- Cannot be told: a client that has the list from before; one that asks through a proxy; certificates in TLS 1.3 that was
-- not decrypted. Certificates that the site makes itself have no list by design and say nothing.
WITH
point AS (
    SELECT host, min(source) AS source -- declared goes before learned
    FROM role
    WHERE role IN ('management_point', 'distribution_point', 'software_update_point', 'state_migration_point')
      AND host IS NOT NULL AND grade <> 'hint'
    GROUP BY host
),
shown AS (
    SELECT tls.id, tls.packet, tls.time, tls.client, tls.server, tls.client_bytes, point.source,
           coalesce(tls.ocsp_requested = 1 AND tls.ocsp_stapled = 1, 0) AS stapled,
           certificate.id AS certificate, certificate.fingerprint_sha256 AS fingerprint, certificate.subject,
           coalesce(certificate.crl_urls, '') AS lists, coalesce(certificate.ocsp_urls, '') AS status,
           certificate.self_signed = 1 OR certificate.issuer LIKE '%CN=SMS Issuing%' AS own
    FROM point JOIN tls ON tls.server = point.host
    JOIN certificate ON certificate.flow = tls.flow AND certificate.seen_as = 'server' AND certificate.chain = 0
    WHERE tls.complete = 1 AND coalesce(tls.resumed, 0) = 0 AND certificate.problem IS NULL
),
asked AS (
    SELECT revocation.id, revocation.packet, revocation.time, revocation.client, revocation.url, revocation.answered,
           revocation.fingerprint_sha256 AS fingerprint
    FROM revocation
    WHERE revocation.shown = 1
),
-- Each client with each certificate, and the first list that it got for it.
known AS (
    SELECT shown.id, min(shown.packet) AS packet, shown.time, shown.client, shown.server, shown.source, shown.certificate,
           shown.fingerprint, shown.subject, shown.lists, shown.status, shown.own, max(shown.stapled) AS stapled,
           (SELECT min(asked.id) FROM asked
            WHERE asked.client = shown.client AND asked.answered = 1
              AND (asked.fingerprint = shown.fingerprint
                   OR instr(' ' || shown.lists || ' ' || shown.status || ' ', ' ' || asked.url || ' ') > 0)) AS got
    FROM shown
    GROUP BY shown.client, shown.fingerprint
),
-- What a client could not get: an answer that it is not there, or no connection to it.
missed AS (
    SELECT 'revocation' AS evidence, asked.id, asked.packet, asked.time, asked.client, known.fingerprint, known.source,
           known.server
    FROM known JOIN asked ON asked.client = known.client AND asked.fingerprint = known.fingerprint
    WHERE asked.answered = 0 AND known.got IS NULL AND known.lists NOT LIKE '%ldap:%'
    UNION ALL
    SELECT 'refused', refused.id, refused.packet, refused.time, refused.src, known.fingerprint, known.source, known.server
    FROM known JOIN refused ON refused.src = known.client
    WHERE known.got IS NULL AND NOT known.own AND refused.proto = 'tcp' AND refused.packet > known.packet
      AND (refused.kind <> 'unanswered' OR refused.tries > 2)
      AND known.lists NOT LIKE '%ldap:%' AND known.lists <> '' AND instr(known.lists, ' ') = 0 AND known.status = ''
      AND (host_of(known.lists) = refused.dst
           OR refused.dst IN (SELECT host FROM host_name WHERE name = lower(host_of(known.lists))))
),
doubt AS (
    SELECT EXISTS (SELECT 1 FROM known WHERE got IS NULL AND NOT stapled AND NOT own)
        OR NOT EXISTS (SELECT 1 FROM known WHERE NOT own)
        OR EXISTS (SELECT 1 FROM coverage WHERE incomplete = 1 AND value > 0) AS any
)
SELECT 'fail' AS result, 'proof' AS grade, 'certificate' AS evidence, certificate AS row, min(packet) AS packet, time,
       server || ' ' || subject AS subject,
       'the certificate of a site system names no revocation list, so no client can check it' AS why, source AS rests_on
FROM known
WHERE lists = '' AND status = '' AND NOT own
GROUP BY fingerprint
UNION ALL
SELECT 'fail', 'proof', 'certificate', certificate, packet, time, client || ' -> ' || server,
       'a client on the Internet is shown a certificate whose revocation list is in a directory only', max(source, 'declared')
FROM known
WHERE lists LIKE 'ldap:%' AND lists NOT LIKE '%http:%' AND status = '' AND NOT own
  AND EXISTS (SELECT 1 FROM site_subnet WHERE kind = 'internet' AND ip_in(known.client, network) = 1)
UNION ALL
SELECT 'fail', 'strong', evidence, id, min(packet), time, client || ' -> ' || server,
       'a client could not get the revocation list and connected again all the same', source
FROM missed
WHERE EXISTS (SELECT 1 FROM shown WHERE shown.client = missed.client AND shown.fingerprint = missed.fingerprint
              AND shown.time > missed.time AND shown.client_bytes > 0)
GROUP BY client, fingerprint
UNION ALL
SELECT 'fail', 'hint', evidence, id, min(packet), time, client || ' -> ' || server,
       'a client could not get the revocation list of a site system', source
FROM missed
GROUP BY client, fingerprint
UNION ALL
SELECT 'pass', CASE WHEN (SELECT any FROM doubt) THEN 'hint' WHEN got IS NULL THEN 'strong' ELSE 'proof' END,
       CASE WHEN got IS NULL THEN 'tls' ELSE 'revocation' END, coalesce(got, id),
       coalesce((SELECT asked.packet FROM asked WHERE asked.id = got), packet),
       coalesce((SELECT asked.time FROM asked WHERE asked.id = got), time), client || ' -> ' || server,
       CASE WHEN got IS NULL THEN 'a client got the state of the certificate with it (staple)'
            ELSE 'a client got the revocation list of the certificate that it was shown' END, source
FROM known
WHERE (got IS NOT NULL OR stapled) AND NOT own
UNION ALL
SELECT 'notobserved', 'hint', 'tls', id, packet, time, client || ' -> ' || server,
       CASE WHEN own THEN 'the certificate was made by the site itself, and has no revocation list'
            ELSE 'a client was not seen to fetch the revocation list; it may have it from before' END, source
FROM known
WHERE got IS NULL AND NOT stapled
  AND NOT EXISTS (SELECT 1 FROM missed WHERE missed.client = known.client AND missed.fingerprint = known.fingerprint)
