/* wireshark-plugin/keys.c: the preferences that name keys: a folder, and a table of files with their passwords (UAT): see
 * plugin.h.
 */
#include <epan/uat.h>
#include <wsutil/report_message.h>

#include "dissect/configmgr/keyfile.h"
#include "wireshark-plugin/plugin.h"

/* A row of the table. */
struct key_file {
    char *file, *password;
};

static const char *folder = "";
static struct key_file *rows;
static guint row_count;

/* ---- What a table of Wireshark calls ---- */

UAT_FILENAME_CB_DEF(key_files, file, struct key_file)
UAT_CSTRING_CB_DEF(key_files, password, struct key_file)

static void *copy_row(void *to, const void *from, size_t length)
{
    struct key_file *copy = to;
    const struct key_file *row = from;
    (void)length;
    copy->file = g_strdup(row->file);
    copy->password = g_strdup(row->password);
    return copy;
}

static ws_bool check_row(void *record, char **problem)
{
    const struct key_file *row = record;
    bool named = row->file != NULL && row->file[0] != '\0';
    *problem = named ? NULL : g_strdup("a row names no file");
    return named;
}

static void free_row(void *record)
{
    struct key_file *row = record;
    g_free(row->file);
    g_free(row->password);
}

void keys_register(module_t *module)
{
    static uat_field_t columns[] = {
        UAT_FLD_FILENAME(key_files, file, "File", "PEM, DER or PKCS#12"),
        UAT_FLD_CSTRING(key_files, password, "Password", "Of the key in it; empty when there is none"),
        UAT_END_FIELDS,
    };
    prefs_register_directory_preference(
        module, "keys", "Folder with keys",
        "Certificates and public keys that verify signatures, and private keys that open "
        "what is encrypted: PEM, DER or PKCS#12, any name",
        &folder);
    uat_t *table = uat_new("ConfigMgr keys", sizeof(struct key_file), "ccm_keys", TRUE, &rows, &row_count,
                           UAT_AFFECTS_DISSECTION, NULL, copy_row, check_row, free_row, NULL, NULL, columns);
    prefs_register_uat_preference(module, "key_files", "Files with keys",
                                  "Further files with keys and certificates, with the passwords that lock them", table);
}

static void load(struct ccm_keys *keys, const char *path, const struct ccm_key_reader *reader)
{
    struct error error;
    if (path[0] != '\0' && ccm_keyfile_load(keys, path, reader, &error) != OUTCOME_OK)
        report_failure("ConfigMgr keys: %s", error.text);
}

void keys_load(struct ccm_keys *keys)
{
    load(keys, folder, NULL);
    for (guint i = 0; i < row_count; i++) {
        bool locked = rows[i].password != NULL && rows[i].password[0] != '\0';
        load(keys, rows[i].file, &(struct ccm_key_reader){.password = locked ? rows[i].password : NULL});
    }
}
