-- CRT-6, IBC-2: clients, also those on the Internet, get the site signing certificate from Active Directory.
--
-- Decides: a client that asks a management point for the signing certificate of the site server
-- (.sms_aut?SITESIGNCERT) and gets it: in clear text anybody on the path could have given another (proof); inside
-- decrypted TLS it did not come from Active Directory either (strong). A request that was refused or not seen to be
-- answered is a hint.
-- Cannot be told: that clients read the certificate from Active Directory (LDAP is not judged yet), so nothing passes;
-- which clients are used on the Internet; and a fetch that follows a renewal of the certificate, which is usual.
SELECT 'fail' AS result,
       CASE WHEN NOT coalesce(status BETWEEN 200 AND 299, 0) THEN 'hint'
            WHEN tls = 1 THEN 'strong'
            ELSE 'proof' END AS grade,
       'http' AS evidence, id AS row, min(packet) AS packet, time,
       client || ' -> ' || server AS subject,
       CASE WHEN NOT coalesce(status BETWEEN 200 AND 299, 0)
            THEN 'client asked a management point for the site signing certificate'
            WHEN tls = 1 THEN 'client got the site signing certificate from a management point, inside TLS'
            ELSE 'client got the site signing certificate from a management point in clear text' END AS why
FROM http
WHERE service = 'mp-auth' AND uri LIKE '%?SITESIGNCERT%'
GROUP BY client, server, coalesce(status BETWEEN 200 AND 299, 0), tls
