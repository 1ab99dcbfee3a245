/* What the tests of block I/O share. */
#ifndef TESTS_IO_H
#define TESTS_IO_H

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <sys/types.h>
#include <sys/buf.h>
#include <sys/ddi.h>
#include <sys/kmem.h>
#include <sys/sunddi.h>
#include <sys/uio.h>

#include <ddi_dma.h>

/* Ends the program unless both are the same number. */
#define CHECK(have, want) check_((intmax_t)(have), (intmax_t)(want), #have, __FILE__, __LINE__)

/* Ends the program unless both are the same address. */
#define CHECK_PTR(have, want) CHECK((intptr_t)(have), (intptr_t)(want))

static inline void
check_(intmax_t have, intmax_t want, const char *what, const char *file, int line)
{
    if (have == want)
        return;
    fprintf(stderr, "%s:%d: %s is %" PRIdMAX " (%#" PRIxMAX "), not %" PRIdMAX "; the last refusal: %s\n", file,
        line, what, have, (uintmax_t)have, want, ddi_dma_last_error());
    exit(1);
}

/* Pages of the process, filled with zeros. */
static inline char *
map_pages(size_t count, int protection)
{
    void *pages = mmap(NULL, count * PAGESIZE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return ((char *)pages);
}

static inline void
unmap_pages(char *pages, size_t count)
{
    CHECK(munmap(pages, count * PAGESIZE), 0);
}

static inline void
start_thread(pthread_t *thread, void *(*run)(void *), void *argument)
{
    CHECK(pthread_create(thread, NULL, run, argument), 0);
}

static inline void
join_thread(pthread_t thread)
{
    CHECK(pthread_join(thread, NULL), 0);
}

#endif /* TESTS_IO_H */
