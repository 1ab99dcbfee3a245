/*
 * Mistakes with <sundev/mbvar.h>: each ends the process with a message.
 */

#include "sunos41.h"

static char memory[8192] __attribute__((aligned(8192)));
static dev_info_t *dip;

static int
map(void)
{
    int mbinfo = mb_nbmapalloc(dvmamap, memory, sizeof (memory), MB_CANTWAIT, NULL, NULL);

    CHECK(mbinfo != 0);
    return (mbinfo);
}

static void
freed_twice(void)
{
    int mbinfo = map(), again = mbinfo;

    mb_mapfree(dvmamap, &mbinfo);
    mb_mapfree(dvmamap, &again);
}

static void
freed_and_zero(void)
{
    int mbinfo = map();

    mb_mapfree(dvmamap, &mbinfo);
    mb_mapfree(dvmamap, &mbinfo);
}

static void
freed_from_another_map(void)
{
    struct map *first = dvmamap;
    int mbinfo = map();
    dev_info_t *other = sx_open("sim:sbus-disk");

    CHECK(other != dip && dvmamap != first);
    mb_mapfree(dvmamap, &mbinfo);
}

static void
free_null(void)
{
    mb_mapfree(dvmamap, NULL);
}

static void
null_map(void)
{
    (void) mb_nbmapalloc(NULL, memory, sizeof (memory), 0, NULL, NULL);
}

static void
closed_map(void)
{
    ddi_dma_close(dip);
    (void) mb_nbmapalloc(dvmamap, memory, sizeof (memory), 0, NULL, NULL);
}

static void
no_map(void)
{
    char error[100];
    dev_info_t *other = ddi_dma_open("sim:sbus-disk", error, sizeof (error));

    (void) mb_nbmapalloc((struct map *)other, memory, sizeof (memory), 0, NULL, NULL);
}

static void
null_buf(void)
{
    (void) mb_mapalloc(dvmamap, NULL, 0, NULL, NULL);
}

static void
null_memory(void)
{
    struct buf *bp = sx_getbuf(NULL, 512, 0, B_READ);

    (void) mb_mapalloc(dvmamap, bp, 0, NULL, NULL);
}

static void
no_bytes(void)
{
    (void) mb_nbmapalloc(dvmamap, memory, 0, 0, NULL, NULL);
}

static void
negative_bytes(void)
{
    (void) mballoc(&mb_hd, memory, -1, 0);
}

static void
null_main_bus(void)
{
    int mbinfo = map();

    mbrelse(NULL, &mbinfo);
}

static void
main_bus_without_a_map(void)
{
    mb_hd.mh_map = NULL;
    (void) mballoc(&mb_hd, memory, 512, 0);
}

static int
sleeping(caddr_t arg)
{
    (void) mb_nbmapalloc(dvmamap, arg, 512, 0, NULL, NULL);
    return (0);
}

static void
sleep_in_a_wait_function(void)
{
    static char half[40 * 1024];
    int first;

    ddi_dma_close(dip);
    dip = sx_open("sim:sbus-disk?dvma=64K");
    first = mb_nbmapalloc(dvmamap, half, sizeof (half), 0, NULL, NULL);
    CHECK(first != 0);
    CHECK(mb_nbmapalloc(dvmamap, half, sizeof (half), 0, sleeping, memory) == 0);
    mb_mapfree(dvmamap, &first);
    ddi_dma_sim_settle(dip);
}

static void
level_too_high(void)
{
    adddma(16);
}

static void
level_too_low(void)
{
    (void) splx(-1);
}

static void
memory_freed_while_mapped(void)
{
    void *simulated = ddi_dma_sim_alloc(dip, 512);

    CHECK(mb_nbmapalloc(dvmamap, simulated, 512, 0, NULL, NULL) != 0);
    ddi_dma_sim_free(dip, simulated);
}

/* No mistake that ends the process, but one that is told. */
static void
closed_while_mapped(void)
{
    (void) map();
    ddi_dma_close(dip);
}

/* What was freed is not remembered, wherever the next memory lies. */
static void
memory_freed_after(void)
{
    int i, mbinfo;

    for (i = 0; i < 20; i++) {
        char *simulated = ddi_dma_sim_alloc(dip, 512), byte;

        simulated[3] = (char)i;
        mbinfo = mb_nbmapalloc(dvmamap, simulated, 512, 0, NULL, NULL);
        CHECK(mbinfo != 0 && ddi_dma_sim_read(dip, (u_int)mbinfo + 3, &byte, 1) == 0 && byte == i);
        mb_mapfree(dvmamap, &mbinfo);
        ddi_dma_sim_free(dip, simulated);
    }
    ddi_dma_close(dip);
}

#define MISTAKE(name) { #name, name }

static const struct {
    const char *name;
    void (*make)(void);
} mistakes[] = {
    MISTAKE(freed_twice),
    MISTAKE(freed_and_zero),
    MISTAKE(freed_from_another_map),
    MISTAKE(free_null),
    MISTAKE(null_map),
    MISTAKE(closed_map),
    MISTAKE(no_map),
    MISTAKE(null_buf),
    MISTAKE(null_memory),
    MISTAKE(no_bytes),
    MISTAKE(negative_bytes),
    MISTAKE(null_main_bus),
    MISTAKE(main_bus_without_a_map),
    MISTAKE(sleep_in_a_wait_function),
    MISTAKE(level_too_high),
    MISTAKE(level_too_low),
    MISTAKE(memory_freed_while_mapped),
    MISTAKE(closed_while_mapped),
    MISTAKE(memory_freed_after),
};

int
main(int argc, char **argv)
{
    size_t i;

    CHECK(argc == 2);
    dip = sx_open("sim:sbus-disk");
    for (i = 0; i < sizeof (mistakes) / sizeof (mistakes[0]); i++) {
        if (strcmp(argv[1], mistakes[i].name) == 0) {
            mistakes[i].make();
            return (0);
        }
    }
    return (2);
}
