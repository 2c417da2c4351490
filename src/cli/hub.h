/* hub.h: --model as people name models -> the folder of its files. */
#ifndef SAV_CLI_HUB_H
#define SAV_CLI_HUB_H

#include "cli/cli.h"

/* What --model says becomes a folder that holds config.json, where it is one of these:
 *   org/name                  in the Hugging Face cache (HF_HUB_CACHE, HF_HOME/hub, ~/.cache/huggingface/hub)
 *   models--org--name         the same
 *   …/models--org--name       a folder of the cache: the snapshot of refs/main, or the only one
 * Says which folder it took. Anything else stays as it is. */
sav_status sav_cli_find_model(sav_cli *cli, sav_error *err);

#endif
