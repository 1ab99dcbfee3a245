/* Prints its first argument to standard output and its second to standard error, and exits with the third. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C"
#endif
const char *ddi_dma_last_error(void);

int main(int argc, char **argv)
{
    if (argc < 4 || *ddi_dma_last_error() != '\0')
        return 100;
    printf("%s\n", argv[1]);
    fprintf(stderr, "%s\n", argv[2]);
    if (argc > 4 && strcmp(argv[4], "abort") == 0)
        abort();
    if (argc > 4 && strcmp(argv[4], "leak") == 0) {
        char **volatile kept = (char **)malloc(24);
        kept = NULL;
        (void) kept;
    }
    return atoi(argv[3]);
}
