-- CRT-3: clients check whether the certificate of a site system has been revoked.
--
-- Decides: the certificate that a management, distribution, software update or state migration point showed a client in
-- a full handshake, and what that client asked for at the addresses in it. Fails where it names no address at all (proof),
-- where it names only a directory and the client is in a network that is declared as the Internet, and where a client could
-- not get the list, not at another address either, and went on to a new handshake all the same (strong: the check is off,
-- since with it a client stops).
-- Passes if every client that was shown such a certificate got its list, or a staple that it had asked for, afterwards, and
-- nothing was missed.
-- Hosts of lists that the site file declares (pki: crl, ocsp) tell certificates of another authority apart.
-- Cannot be told: a client that has the list from before; one that asks through a proxy; certificates in TLS 1.3 that was
-- not decrypted. Certificates that the site makes itself have no list by design and say nothing.
WITH
word(kind, result, grade, why) AS (
    VALUES ('none', 'fail', 'proof', 'the certificate of a site system names no revocation list, so no client can check it'),
           ('directory', 'fail', 'proof',
            'a client on the Internet is shown a certificate whose revocation list is in a directory only'),
           ('again', 'fail', 'strong', 'a client could not get the revocation list and connected again all the same'),
           ('missed', 'fail', 'hint', 'a client could not get the revocation list of a site system'),
           ('got', 'pass', 'proof', 'a client got the revocation list of the certificate that it was shown'),
           ('stapled', 'pass', 'strong', 'a client got the state of the certificate with it (staple)'),
           ('own', 'notobserved', 'hint', 'the certificate was made by the site itself, and has no revocation list'),
           ('elsewhere', 'notobserved', 'hint',
            'the certificate names none of the declared hosts of revocation lists: it is of another authority'),
           ('open', 'notobserved', 'hint',
            'a client was not seen to fetch the revocation list; it may have it from before')
),
point AS (
    SELECT host, min(source) AS source -- declared goes before learned
    FROM role
    WHERE role IN ('management_point', 'distribution_point', 'software_update_point', 'state_migration_point')
      AND host IS NOT NULL AND grade <> 'hint'
    GROUP BY host
),
-- Each client with each certificate that it was shown: the first handshake and the last.
shown AS (
    SELECT tls.id, min(tls.packet) AS packet, tls.time, tls.client, tls.server, point.source,
           max(CASE WHEN tls.client_bytes > 0 THEN tls.time END) AS last,
           max(coalesce(tls.ocsp_requested = 1 AND tls.ocsp_stapled = 1, 0)) AS stapled,
           certificate.fingerprint_sha256 AS fingerprint, certificate.subject,
           coalesce(certificate.crl_urls, '') AS lists, coalesce(certificate.ocsp_urls, '') AS status,
           certificate.self_signed = 1 OR certificate.issuer LIKE '%CN=SMS Issuing%' AS own
    FROM point JOIN tls ON tls.server = point.host
    JOIN certificate ON certificate.flow = tls.flow AND certificate.seen_as = 'server' AND certificate.chain = 0
    WHERE tls.complete = 1 AND coalesce(tls.resumed, 0) = 0 AND certificate.problem IS NULL
    GROUP BY tls.client, certificate.fingerprint_sha256
),
-- The first list that the client got for it, the first that it asked for and that is not there, and the first connection to
-- its only address that was refused.
asked AS (
    SELECT shown.*,
           (SELECT min(id) FROM revocation
            WHERE revocation.client = shown.client AND revocation.shown = 1 AND answered = 1
              AND (fingerprint_sha256 = shown.fingerprint
                   OR instr(' ' || shown.lists || ' ' || shown.status || ' ', ' ' || url || ' ') > 0)) AS got,
           (SELECT min(id) FROM revocation
            WHERE revocation.client = shown.client AND revocation.shown = 1 AND answered = 0
              AND fingerprint_sha256 = shown.fingerprint) AS missing,
           (SELECT min(id) FROM refused
            WHERE src = shown.client AND proto = 'tcp' AND refused.packet > shown.packet AND (kind <> 'unanswered' OR tries > 2)
              AND shown.lists <> '' AND instr(shown.lists, ' ') = 0 AND shown.status = ''
              AND (dst = host_of(shown.lists)
                   OR dst IN (SELECT host FROM host_name
                           WHERE name = lower(host_of(shown.lists)) AND source <> 'capture'))) AS closed
    FROM shown
),
judged AS (
    SELECT *, CASE WHEN own THEN 'own'
                   WHEN lists = '' AND status = '' THEN 'none'
                   WHEN lists LIKE 'ldap:%' AND lists NOT LIKE '%http:%' AND status = ''
                        AND EXISTS (SELECT 1 FROM site_subnet WHERE kind = 'internet' AND ip_in(asked.client, network) = 1)
                   THEN 'directory'
                   WHEN got IS NOT NULL THEN 'got'
                   WHEN stapled THEN 'stapled'
                   WHEN EXISTS (SELECT 1 FROM site_pki WHERE kind IN ('crl', 'ocsp'))
                        AND NOT EXISTS (SELECT 1 FROM site_pki WHERE kind IN ('crl', 'ocsp')
                                        AND instr(lower(lists || ' ' || status), '//' || lower(value)) > 0)
                   THEN 'elsewhere'
                   WHEN coalesce(missing, closed) IS NULL OR lists LIKE '%ldap:%' THEN 'open'
                   WHEN last > coalesce((SELECT time FROM revocation WHERE id = missing),
                                        (SELECT time FROM refused WHERE id = closed))
                   THEN 'again'
                   ELSE 'missed' END AS kind
    FROM asked
),
weighed AS (
    SELECT *, max(kind NOT IN ('got', 'stapled', 'own')) OVER ()
              OR (SELECT count(*) FROM coverage WHERE incomplete = 1 AND value > 0) AS doubt
    FROM judged
)
SELECT result, CASE WHEN result = 'pass' AND doubt THEN 'hint' ELSE grade END AS grade,
       CASE WHEN kind = 'got' OR kind IN ('again', 'missed') AND missing IS NOT NULL THEN 'revocation'
            WHEN kind IN ('again', 'missed') THEN 'refused' ELSE 'tls' END AS evidence,
       CASE WHEN kind = 'got' THEN got WHEN kind IN ('again', 'missed') THEN coalesce(missing, closed) ELSE id END AS row,
       CASE WHEN kind = 'got' THEN (SELECT packet FROM revocation WHERE id = got)
            WHEN kind NOT IN ('again', 'missed') THEN packet
            WHEN missing IS NOT NULL THEN (SELECT packet FROM revocation WHERE id = missing)
            ELSE (SELECT packet FROM refused WHERE id = closed) END AS packet,
       CASE WHEN kind = 'got' THEN (SELECT time FROM revocation WHERE id = got)
            WHEN kind NOT IN ('again', 'missed') THEN time
            WHEN missing IS NOT NULL THEN (SELECT time FROM revocation WHERE id = missing)
            ELSE (SELECT time FROM refused WHERE id = closed) END AS time,
       client || ' -> ' || server || CASE WHEN kind = 'none' THEN ' ' || coalesce(subject, '') ELSE '' END AS subject,
       why || CASE WHEN result = 'pass' AND doubt THEN '; not so, or not known, of all clients' ELSE '' END AS why,
       CASE WHEN kind = 'directory' THEN max(source, 'declared') ELSE source END AS rests_on
FROM weighed JOIN word USING (kind)
