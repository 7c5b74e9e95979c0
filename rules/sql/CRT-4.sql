-- CRT-4: each client certificate stays on one computer, and is one for clients.
--
-- Decides, for breaches only, by client certificates whose key was proven to a site system in TLS: one key from two
-- addresses whose hosts have different names (fail, strong; a hint without names, or where the site file declares address
-- translation or proxies); a certificate that is for servers only, or for a user (fail, strong); a certificate that was
-- refused as revoked and accepted later (fail, strong).
-- Left out: proxies, and hosts that call themselves as Windows PE does (MININT-...): boot media share a certificate by design.
-- Cannot be told: certificates of renegotiations and of TLS 1.3 that were not decrypted; that no key was copied. So nothing
-- passes. Certificates in registrations: see CLA-2.
WITH
used AS (
    SELECT certificate.id, min(tls.packet) AS packet, tls.time, tls.client, tls.server, system.source,
           certificate.spki_sha256 AS spki, certificate.fingerprint_sha256 AS fingerprint, certificate.subject,
           ',' || certificate.eku || ',' AS eku, coalesce(certificate.template, '') AS template
    FROM system JOIN tls ON tls.server = system.host
    JOIN certificate ON certificate.flow = tls.flow AND certificate.seen_as = 'client' AND certificate.chain = 0
    WHERE tls.client_verified = 1 AND certificate.spki_sha256 IS NOT NULL
    GROUP BY tls.client, certificate.spki_sha256
),
-- What a host is called by others than its certificates: the short form of its best name.
called AS (
    SELECT host, min(upper(substr(name, 1, instr(name || '.', '.') - 1))) AS name
    FROM host_name
    WHERE grade <> 'hint' AND source <> 'certificate' AND host IN (SELECT client FROM used)
    GROUP BY host
),
spread AS (
    SELECT used.spki, count(DISTINCT used.client) AS places, count(DISTINCT called.name) AS names
    FROM used LEFT JOIN called ON called.host = used.client
    WHERE used.client NOT IN (SELECT host FROM role WHERE role IN ('proxy', 'isv_proxy') AND host IS NOT NULL)
      AND coalesce(called.name, '') NOT LIKE 'MININT-%'
    GROUP BY used.spki
    HAVING count(DISTINCT used.client) > 1
)
SELECT 'fail' AS result,
       CASE WHEN names > 1 AND NOT EXISTS (SELECT 1 FROM site_tap WHERE translation IN ('nat', 'proxy')) THEN 'strong'
            ELSE 'hint' END AS grade,
       'certificate' AS evidence, used.id AS row, used.packet, used.time,
       used.subject || ' of ' || coalesce(called.name || ' (' || used.client || ')', used.client) AS subject,
       CASE WHEN names > 1 THEN 'one client certificate is used by computers of different names'
            ELSE 'one client certificate is used from different addresses' END AS why, used.source AS rests_on
FROM spread JOIN used USING (spki) LEFT JOIN called ON called.host = used.client
WHERE names <> 1
UNION ALL
SELECT 'fail', 'strong', 'certificate', id, packet, time, subject || ' of ' || client,
       CASE WHEN eku NOT LIKE '%,1.3.6.1.5.5.7.3.2,%'
            THEN 'a certificate without the purpose of client authentication identifies a client'
            ELSE 'a certificate of a user identifies a client' END, source
FROM used
WHERE eku IS NOT NULL AND eku NOT LIKE '%,2.5.29.37.0,%'
  AND (eku NOT LIKE '%,1.3.6.1.5.5.7.3.2,%' OR eku LIKE '%,1.3.6.1.4.1.311.20.2.2,%' OR template IN ('User', 'SmartcardUser'))
UNION ALL
SELECT 'fail', 'strong', 'tls', refused.id, min(refused.packet), refused.time, used.subject || ' of ' || used.client,
       'a client certificate was refused as revoked and accepted later', used.source
FROM used JOIN tls refused ON refused.client_certificate = used.fingerprint
JOIN tls later ON later.client_certificate = used.fingerprint
WHERE refused.alert LIKE '%server fatal certificate_revoked%' AND later.client_verified = 1 AND later.time > refused.time
GROUP BY used.fingerprint
