/* golden_case.h: a case of golden/cases.json opened: model, session, prompt. */
#ifndef GOLDEN_CASE_H
#define GOLDEN_CASE_H

#include "io/json.h"
#include "io/safetensors.h"
#include "lists/messages.h"

typedef struct golden_case {
    const char *name, *stored; /* "llava/t70-90x101"; "all" or "sha256" */
    sav_dtype dtype;
    sav_model *model;
    sav_session *session;
    sav_chat *chat;
    char *literal;
    sav_prompt prompt;
} golden_case;

/* Calls `run` for each case, or for the one named `only` (may be NULL). */
void golden_cases(const char *only, void (*run)(const sav_json *node));
/* dtype comes from the case */
bool golden_case_open(golden_case *out, const sav_json *node, sav_options options);
void golden_case_close(golden_case *c);
/* "golden/" + name + end, valid until the fourth next call. */
const char *golden_path(const char *name, const char *end);

#endif
