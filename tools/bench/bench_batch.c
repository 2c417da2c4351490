/* bench_batch.c: what a batch is worth: four questions a picture, with what they share computed once, side by
 * side with none.
 *
 *   build/tools/bench/bench_batch MODEL PICTURE… [--rounds N] [--memory BYTES] [--engine E]
 *
 * Alternating pairs in one process, CPU seconds, the median of their ratios; then the rows, the largest
 * difference, the resident peak.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "forward/session.h"

enum { QUESTIONS = 4, MOST_PICTURES = 64, MOST_ROUNDS = 99 };

static const char *const questions[QUESTIONS] = {
    "What is the main object in this picture? Answer with one word.",
    "Is there a person in the picture? Answer with yes or no.",
    "Which colour does the largest thing have? Answer with one word.",
    "Was this picture taken outdoors? Answer with yes or no."};

static int end(const sav_error *err) {
    fprintf(stderr, "%s%s%s\n", err->message, err->hint[0] ? ": " : "", err->hint);
    return 1;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* CPU seconds of all prompts; below 0: err says why not. */
static double once(float *taps, sav_session *session, bool share, const sav_prompt *prompts, size_t count,
                   sav_error *err) {
    const double before = sav_os_cpu_seconds();
    sav_session_share(session, share);
    sav_status status = sav_forward_batch(session, prompts, count, taps, 0, err);
    return status ? -1 : sav_os_cpu_seconds() - before;
}

static int compare(sav_session *session, const sav_model *model, const sav_prompt *prompts, size_t count,
                   int rounds) {
    static double ratios[MOST_ROUNDS];
    const size_t features = sav_model_describe(model)->features;
    float *apart = calloc(count * features, sizeof *apart),
          *shared = calloc(count * features, sizeof *shared);
    double difference = 0, length = 0;
    sav_error err;
    if (!apart || !shared) return 1;
    for (int i = 0; i < rounds; i++) {
        const double none = once(apart, session, false, prompts, count, &err),
                     reuse = none < 0 ? -1 : once(shared, session, true, prompts, count, &err);
        if (reuse < 0) return end(&err);
        ratios[i] = none / reuse;
        printf("%.2f s apart, %.2f s shared: %.2f x\n", none, reuse, ratios[i]);
    }
    qsort(ratios, (size_t)rounds, sizeof *ratios, ascending);
    for (size_t i = 0; i < count * features; i++) {
        difference += ((double)apart[i] - (double)shared[i]) * ((double)apart[i] - (double)shared[i]);
        length += (double)apart[i] * (double)apart[i];
    }
    printf("%zu samples: median %.2f x (%.2f to %.2f); taps %.2g apart; resident at most %.0f MiB\n", count,
           ratios[rounds / 2], ratios[0], ratios[rounds - 1], sqrt(difference / length),
           (double)sav_os_peak_bytes() / 1048576.0);
    free(apart);
    free(shared);
    return 0;
}

int main(int argc, char **argv) {
    static sav_part parts[MOST_PICTURES * QUESTIONS][2];
    static sav_message turns[MOST_PICTURES * QUESTIONS];
    static sav_prompt prompts[MOST_PICTURES * QUESTIONS];
    sav_options options = {.threads = 1};
    sav_model *model;
    sav_session *session;
    sav_error err;
    size_t count = 0;
    int rounds = 3;
    for (int i = 2; i < argc; i++) {
        const bool value = i + 1 < argc;
        if (strcmp(argv[i], "--rounds") == 0 && value)
            rounds = atoi(argv[++i]);
        else if (strcmp(argv[i], "--memory") == 0 && value)
            options.memory = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--engine") == 0 && value)
            options.engine = argv[++i];
        else
            for (size_t q = 0; q < QUESTIONS && count < MOST_PICTURES * QUESTIONS; q++, count++) {
                parts[count][0] = (sav_part){.kind = SAV_IMAGE, .text = argv[i]};
                parts[count][1] = (sav_part){.kind = SAV_TEXT, .text = questions[q]};
                turns[count] = (sav_message){"user", parts[count], 2};
                prompts[count] = (sav_prompt){.messages = &turns[count], .count = 1};
            }
    }
    if (!count || rounds < 1 || rounds > MOST_ROUNDS) {
        fprintf(stderr, "usage: bench_batch MODEL PICTURE… [--rounds N] [--memory BYTES] [--engine E]\n");
        return 2;
    }
    if (sav_model_open(&model, argv[1], &err) || sav_session_open(&session, model, &options, &err))
        return end(&err);
    const int code = compare(session, model, prompts, count, rounds);
    sav_session_close(session);
    sav_model_close(model);
    return code;
}
