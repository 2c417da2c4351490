/* fitting.h: labelled features -> a classifier, as --heads, --validation and --seed say, and what people
 * should know of it. */
#ifndef SAV_CLI_FITTING_H
#define SAV_CLI_FITTING_H

#include "classify/feature_set.h"
#include "cli/cli.h"
#include "tasks/predictions.h"

/* Classes with fewer examples than --shots, if there are any. */
void sav_cli_warn_few(sav_cli *cli, size_t few);
/* --heads against the model's L*H heads. */
sav_status sav_cli_check_heads(const sav_cli *cli, size_t L, size_t H, sav_error *err);
/* Fits; warns of classes with one example and of NaN. */
sav_status sav_cli_fit(sav_classifier **out, sav_cli *cli, const sav_feature_set *examples, sav_error *err);
void sav_cli_put_heads(sav_text *out, const sav_classifier_view *classifier); /* a table for people */

/* Layers up to the deepest head that votes: as deep as a forward has to run. */
size_t sav_cli_depth(const sav_classifier_view *classifier);
/* Labels of test samples that no training example has, votes that are no numbers or all tied. */
void sav_cli_warn_votes(sav_cli *cli, const sav_predictions *p);

#endif
