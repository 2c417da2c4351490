/* waiting.h: threads that wait for work fall asleep soon, so that the default number of threads is right on a
 * busy machine too. */
#ifndef SAV_CLI_WAITING_H
#define SAV_CLI_WAITING_H

/* Sets what OpenMP's library reads, unless the user did. glibc's loader calls it by itself before that
 * library starts; for the others main does. */
void sav_cli_wait_briefly(void);

/* A variable of this process's environment, for libraries that start later. */
void sav_cli_set_variable(const char *name, const char *value);

#endif
