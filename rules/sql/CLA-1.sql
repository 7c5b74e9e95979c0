-- CLA-1: clients are installed in a way that fits the risk.
--
-- Decides client push, by ccmsetup written to an administrative share of a computer that is no site system, or made a
-- service there: that it is used is worth knowing (informational). It fails (strong) where the logon is by NTLM, which can
-- be relayed, or where the site file declares accounts for push and it is by another. Whether push is acceptable at all is
-- for the organisation to decide.
-- Cannot be told: that no client is installed by push at other times or places, so nothing passes; the account of a
-- Kerberos logon.
WITH
push AS (
    SELECT 'smb_file' AS evidence, smb_file.id, smb_file.packet, smb_file.time, smb_file.client, smb_file.server, smb.auth,
           smb.domain, smb.user
    FROM smb_file LEFT JOIN smb ON smb.id = smb_file.smb
    WHERE smb_file.purpose = 'client-push' AND smb_file.status IS 'SUCCESS'
      AND (smb_file.written_bytes > 0 OR smb_file.operation LIKE '%create%')
    UNION ALL
    SELECT 'rpc', rpc.id, rpc.packet, rpc.time, rpc.client, rpc.server,
           coalesce(nullif(rpc.auth, 'none'), smb.auth), coalesce(ntlm.domain, smb.domain), coalesce(ntlm.user, smb.user)
    FROM rpc LEFT JOIN smb_file ON smb_file.id = rpc.file LEFT JOIN smb ON smb.id = smb_file.smb
    LEFT JOIN ntlm ON ntlm.id = rpc.ntlm
    WHERE rpc.interface = 'svcctl' AND rpc.operations LIKE '%CreateService%' AND rpc.objects LIKE '%ccmsetup%'
),
first AS (
    SELECT evidence, id, min(packet) AS packet, time, client, server, auth,
           lower(coalesce(domain || '\', '') || user) AS account,
           client || ' -> ' || server || coalesce(' by ' || domain || '\' || user, ' by ' || user, '') AS subject
    FROM push
    WHERE server NOT IN (SELECT host FROM system)
    GROUP BY client, server, auth, domain, user
)
SELECT 'fail' AS result, 'strong' AS grade, evidence, id AS row, packet, time, subject,
       'a client is installed by push with an NTLM logon, which can be relayed' AS why, NULL AS rests_on
FROM first
WHERE auth = 'ntlm'
UNION ALL
SELECT 'fail', 'strong', evidence, id, packet, time, subject,
       'a client is installed by push with an account that is not declared', 'declared'
FROM first
WHERE auth = 'ntlm' AND account <> '' AND EXISTS (SELECT 1 FROM site_admin WHERE kind = 'push' AND account IS NOT NULL)
  AND account NOT IN (SELECT lower(account) FROM site_admin WHERE kind = 'push' AND account IS NOT NULL)
UNION ALL
SELECT 'informational', 'proof', evidence, id, packet, time, subject,
       'a client is installed by push; whether that is acceptable is for you to decide', NULL
FROM first
WHERE auth IS NOT 'ntlm'
