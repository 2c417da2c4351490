/* Memory of quantising: a folder quantised with each allocation refused once, and an int8 folder opened and
 * run so; the arithmetic of the int8 engine allocates nothing.
 */
#include "base/os.h"
#include "fault.h"
#include "forward/session.h"
#include "instruments/quantize.h"

static const sav_part text_parts[] = {{.kind = SAV_TEXT, .text = "What is this?"}};
static const sav_message turn = {"user", text_parts, 1};
static const sav_prompt prompt = {.messages = &turn, .count = 1};
static char to[700];
static const char *from;

static void matrix(void *context, const char *name, double error, bool kept) {
    (void)name, (void)error;
    *(size_t *)context += !kept;
}

static sav_status go_on(void *context, uint64_t bytes, uint64_t total, sav_error *err) {
    (void)context, (void)err;
    CHECK(bytes <= total);
    return SAV_OK;
}

/* Into a folder that nobody has used. */
static sav_status quantise(sav_error *err) {
    static int number;
    size_t matrices = 0;
    const sav_quantize_options options = {.group = 32, .threads = 1};
    const sav_quantize_hooks hooks = {&matrices, matrix, go_on};
    sav_quantize_report report;
    snprintf(to, sizeof to, "%s/q%d", check_folder(), ++number);
    sav_status status = sav_quantize(&report, from, to, &options, &hooks, err);
    if (!status)
        CHECK(report.matrices > 0 && report.matrices == matrices && report.bytes_after < report.bytes_before);
    return status;
}

static sav_status forward(sav_error *err) {
    static float tap[1 << 16];
    const sav_options options = {.threads = 1};
    sav_model *model = NULL;
    sav_session *session = NULL;
    sav_status status = sav_model_open(&model, to, err);
    if (!status) status = sav_session_open(&session, model, &options, err);
    if (!status) {
        CHECK_STR(sav_session_describe(session)->engine, "int8");
        CHECK(sav_model_describe(model)->features <= sizeof tap / sizeof *tap);
        status = sav_forward(session, &prompt, tap, 0, err);
    }
    sav_session_close(session);
    sav_model_close(model);
    return status;
}

int main(void) {
    (void)check_folder(); /* its own allocation is not counted */
    from = "golden/models/qwen2-sharded";
    fault_each("quantise, shards", quantise);
    from = "golden/models/qwen2-window";
    fault_each("quantise", quantise);
    fault_each("an int8 folder", forward);
    CHECK(fault_live == 0);
    return check_report("alloc quantize");
}
