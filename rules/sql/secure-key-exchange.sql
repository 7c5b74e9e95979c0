-- HIE-4, COM-2: sites exchange their keys through Active Directory or by an administrator.
--
-- Decides: files with keys of sites (.CT4 to .CT7, hman.box) that go over SMB which is neither signed nor encrypted, and not
-- in IPsec: anybody on the path may change them (fail, strong). Such a file inside the share for jobs of other sites is a
-- hint: nobody need have carried it.
-- Passes if for all senders that were seen the receiving site server read the key of a site in Active Directory
-- (serviceBindingInformation), no file with keys was sent, no job was sent more than twice, and nothing was missed.
-- Cannot be told: the option itself; keys that were exchanged before the capture, which is usual; what is inside IPsec.
WITH
key_file AS (
    SELECT smb_file.id, smb_file.packet, smb_file.time, smb_file.client, smb_file.server, smb_tree.purpose AS share,
           smb_file.client || ' -> ' || smb_file.server || ' ' || smb_file.name AS subject,
           coalesce(smb_file.data_signed < smb_file.data_messages, 0) AND flow.ipsec IS NULL AS unguarded
    FROM smb_file LEFT JOIN smb_tree ON smb_tree.id = smb_file.tree LEFT JOIN flow ON flow.id = smb_file.flow
    WHERE smb_file.purpose = 'key-exchange' AND coalesce(smb_file.directory, 0) = 0 AND smb_file.bytes > 0
),
job AS (
    SELECT id, packet, time, client, server, name
    FROM smb_file
    WHERE smb_file.purpose LIKE 'sender-%' AND smb_file.written_bytes > 0
),
pair AS (
    SELECT id, min(packet) AS packet, time, client, server FROM job GROUP BY client, server
),
looked_up AS (
    SELECT DISTINCT ldap_operation.client
    FROM ldap_entry JOIN ldap_operation ON ldap_operation.id = ldap_entry.operation
    WHERE ldap_entry.attribute = 'serviceBindingInformation' COLLATE NOCASE AND ldap_entry.written = 0
      AND ldap_entry.value <> '' AND coalesce(ldap_operation.result, 0) = 0
),
doubt AS (
    SELECT EXISTS (SELECT 1 FROM pair WHERE server NOT IN (SELECT client FROM looked_up))
        OR EXISTS (SELECT id FROM key_file)
        OR EXISTS (SELECT 1 FROM job GROUP BY client, server, lower(name) HAVING count(*) > 2)
        OR EXISTS (SELECT 1 FROM coverage WHERE incomplete = 1 AND value > 0) AS any
)
SELECT 'fail' AS result, 'strong' AS grade, 'smb_file' AS evidence, id AS row, packet, time, subject,
       'the key of a site is carried over SMB that is neither signed nor encrypted' AS why
FROM key_file
WHERE unguarded
UNION ALL
SELECT 'fail', 'hint', 'smb_file', id, packet, time, subject, 'the key of a site comes in by the share for jobs of other sites'
FROM key_file
WHERE share = 'site-receive'
UNION ALL
SELECT 'pass', CASE WHEN (SELECT any FROM doubt) THEN 'hint' ELSE 'strong' END, 'smb_file', id, packet, time,
       client || ' -> ' || server,
       'a site sends to another, whose server read keys of sites in Active Directory; the option itself is not on the wire'
FROM pair
WHERE server IN (SELECT client FROM looked_up)
UNION ALL
SELECT 'notobserved', 'hint', 'smb_file', id, packet, time, client || ' -> ' || server,
       'a site sends to another; how they exchanged their keys was not seen'
FROM pair
WHERE server NOT IN (SELECT client FROM looked_up)
