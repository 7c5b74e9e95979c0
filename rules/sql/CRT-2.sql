-- CRT-2: certificates follow accepted standards.
--
-- Decides, for each certificate that was shown in readable traffic: whether it was valid when it was shown and could be
-- decoded (all profiles), and its key, hash, lifetime and purpose. ConfigMgr 2007 itself sets no minimum for these: the
-- thresholds below are this program's, fail only in the profile "modern", and are remarks (hints) in the 2007 profiles;
-- those that the site file declares (pki) go before them and hold in all profiles. Purposes that it declares are those that
-- certificates of clients must have.
-- Lifetime and purpose are asked only of certificates that another key signed: clients and sites make their own
-- (self-signed) for decades and without purpose by design. A self-signed certificate that is sound says nothing about
-- the certificates of the organisation, so it does not pass the rule.
-- Of TLS the certificates of both ends count, not those of their issuers, and only where the server is known to speak
-- ConfigMgr: readable HTTP, clear or decrypted, says so.
-- A certificate that begins or ends within a day of its packet is neither expired nor valid: clocks differ so much.
-- Cannot be told: certificates of TLS 1.3 and of renegotiations that were not decrypted; whether names match.
WITH
threshold AS (
    SELECT coalesce((SELECT CAST(value AS INTEGER) FROM site_pki WHERE kind = 'rsa_bits'), 2048) AS rsa_bits, -- NIST SP 800-131A
           coalesce((SELECT CAST(value AS INTEGER) FROM site_pki WHERE kind = 'ec_bits'), 256) AS ec_bits, -- likewise
           -- CA/Browser Forum baseline of 2018
           coalesce((SELECT CAST(value AS INTEGER) FROM site_pki WHERE kind = 'server_days'), 825) AS server_days,
           -- the longest default among the templates of a Windows CA
           coalesce((SELECT CAST(value AS INTEGER) FROM site_pki WHERE kind = 'client_days'), 1825) AS client_days,
           -- Seconds by which clocks of clients, servers and the capture may differ. Kerberos allows 300; workgroup clients
           -- and sensors are off by more, and a wrong time zone is at most 14 hours.
           86400.0 AS clock_skew,
           -- 2003-01-01: the first product that speaks this protocol is of that year, so a packet that claims an earlier
           -- time was taken without a clock.
           1041379200.0 AS clock_earliest,
           coalesce(:profile, 'modern') NOT LIKE '2007%' AS binding,
           EXISTS (SELECT 1 FROM site_pki WHERE kind = 'rsa_bits') AS rsa_declared,
           EXISTS (SELECT 1 FROM site_pki WHERE kind = 'ec_bits') AS ec_declared,
           EXISTS (SELECT 1 FROM site_pki WHERE kind = 'server_days') AS server_declared,
           EXISTS (SELECT 1 FROM site_pki WHERE kind = 'client_days') AS client_declared
),
site AS (
    SELECT server AS address FROM http WHERE service IS NOT NULL
    UNION
    SELECT server FROM message
),
shown AS (
    SELECT certificate.*,
           certificate.not_after - certificate.not_before AS lifetime,
           CASE WHEN seen_as IN ('mpcert', 'sitesign', 'server') THEN server_days ELSE client_days END AS days,
           CASE WHEN seen_as IN ('mpcert', 'sitesign', 'server') THEN server_declared ELSE client_declared END AS days_declared,
           threshold.*,
           coalesce((SELECT complete FROM http WHERE http.id = certificate.http), 0) AS whole
    FROM certificate CROSS JOIN threshold
    WHERE certificate.chain IS NULL
       OR certificate.chain = 0
          AND EXISTS (SELECT 1 FROM tls JOIN site ON site.address = tls.server WHERE tls.flow = certificate.flow)
),
flaw AS (
    SELECT id, CASE WHEN whole THEN 'strong' ELSE 'hint' END AS grade, 'certificate cannot be decoded' AS why
    FROM shown
    WHERE problem IS NOT NULL
    UNION ALL
    SELECT id, 'proof', 'certificate had expired when it was shown'
    FROM shown
    WHERE time > not_after + clock_skew AND time >= clock_earliest
    UNION ALL
    SELECT id, 'proof', 'certificate was not yet valid when it was shown'
    FROM shown
    WHERE time < not_before - clock_skew AND time >= clock_earliest
    UNION ALL
    SELECT id, CASE WHEN binding OR rsa_declared THEN 'proof' ELSE 'hint' END,
           'RSA key shorter than ' || rsa_bits || ' bits'
    FROM shown
    WHERE key_type = 'rsa' AND key_bits < rsa_bits
    UNION ALL
    SELECT id, CASE WHEN binding OR ec_declared THEN 'proof' ELSE 'hint' END,
           'elliptic curve key shorter than ' || ec_bits || ' bits'
    FROM shown
    WHERE key_type = 'ec' AND key_bits < ec_bits
    UNION ALL
    SELECT id, CASE WHEN binding THEN 'proof' ELSE 'hint' END, 'signed with the weak hash ' || signature_hash
    FROM shown
    WHERE signature_hash IN ('md2', 'md4', 'md5', 'sha1')
    UNION ALL
    SELECT id, CASE WHEN binding OR days_declared THEN 'proof' ELSE 'hint' END, 'valid for more than ' || days || ' days'
    FROM shown
    WHERE self_signed = 0 AND lifetime > days * 86400.0
    UNION ALL
    -- Without the extension any purpose is allowed: that is no proof of a wrong one.
    SELECT id, CASE WHEN binding AND eku IS NOT NULL THEN 'proof' ELSE 'hint' END,
           'client certificate without the purpose client authentication'
    FROM shown
    WHERE self_signed = 0 AND seen_as IN ('message-signing', 'client') AND problem IS NULL
      AND ',' || coalesce(eku, '') || ',' NOT LIKE '%,1.3.6.1.5.5.7.3.2,%'
      AND ',' || coalesce(eku, '') || ',' NOT LIKE '%,2.5.29.37.0,%'
    UNION ALL
    SELECT shown.id, CASE WHEN eku IS NOT NULL THEN 'proof' ELSE 'hint' END, 'client certificate without the declared purpose ' || value
    FROM shown JOIN site_pki ON site_pki.kind = 'eku'
    WHERE self_signed = 0 AND seen_as IN ('message-signing', 'client') AND problem IS NULL
      AND instr(',' || coalesce(eku, '') || ',', ',' || value || ',') = 0
    UNION ALL
    SELECT id, CASE WHEN binding AND eku IS NOT NULL THEN 'proof' ELSE 'hint' END,
           'server certificate without the purpose server authentication'
    FROM shown
    WHERE self_signed = 0 AND seen_as = 'server' AND problem IS NULL
      AND ',' || coalesce(eku, '') || ',' NOT LIKE '%,1.3.6.1.5.5.7.3.1,%'
      AND ',' || coalesce(eku, '') || ',' NOT LIKE '%,2.5.29.37.0,%'
),
judged AS (
    SELECT shown.id, shown.packet, shown.time,
           coalesce(subject, fingerprint_sha1, '?') || coalesce(' of ' || host, '') AS subject,
           coalesce(fingerprint_sha256, shown.id) AS identity,
           CASE WHEN flaw.why IS NULL THEN 'pass' ELSE 'fail' END AS result,
           coalesce(flaw.grade, CASE WHEN self_signed = 0 THEN 'proof' ELSE 'hint' END) AS grade,
           coalesce(flaw.why,
                    CASE WHEN self_signed = 0 AND binding
                         THEN 'certificate is valid, and its key, hash, lifetime and purpose are inside the profile'
                         WHEN self_signed = 0 THEN 'certificate is valid'
                         ELSE 'sound, but self-signed: it says nothing about certificates of the organisation' END) AS why
    FROM shown LEFT JOIN flaw ON flaw.id = shown.id
    WHERE flaw.why IS NOT NULL
       OR problem IS NULL AND time BETWEEN not_before AND not_after AND time >= clock_earliest
          AND key_type IN ('rsa', 'ec') AND key_bits IS NOT NULL AND signature_hash IS NOT NULL
)
SELECT result, grade, 'certificate' AS evidence, id AS row, min(packet) AS packet, time, subject, why,
       CASE WHEN EXISTS (SELECT 1 FROM site_pki WHERE kind IN ('rsa_bits', 'ec_bits', 'server_days', 'client_days', 'eku'))
            THEN 'declared' END AS rests_on
FROM judged
GROUP BY identity, subject, result, grade, why
