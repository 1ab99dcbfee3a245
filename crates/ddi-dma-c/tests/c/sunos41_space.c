/*
 * Space of a map: who sleeps, who is called, and what one address reaches.
 */

#include <pthread.h>
#include <sched.h>

#include "sunos41.h"

/* The library has the main bus, too. */
_Static_assert(sizeof (struct mb_hd) == 32, "size");
_Static_assert(offsetof(struct mb_hd, mh_map) == 16, "mh_map");
_Static_assert(offsetof(struct mb_hd, mh_users) == 24, "mh_users");
_Static_assert(offsetof(struct mb_hd, mh_xclu) == 26, "mh_xclu");

/* Two of them do not fit 64 KiB of DVMA space. */
#define BYTES (40 * 1024)

static char memory[2][BYTES];

static struct buf *
getbuf(int which)
{
    return (sx_getbuf(memory[which], BYTES, 0, B_WRITE));
}

/* Sleeps for space at a raised level, which others have meanwhile. */
static void *
sleeper(void *arg)
{
    struct buf *bp = getbuf(1);
    int *mbinfo = arg;
    int s = splbio();

    *mbinfo = mb_mapalloc(dvmamap, bp, 0, NULL, NULL);
    CHECK(splx(s) == 1);
    freerbuf(bp);
    return (NULL);
}

static void
sleeps(void)
{
    dev_info_t *dip = sx_open("sim:sbus-disk?dvma=64K");
    struct ddi_dma_statistics statistics;
    struct buf *bp = getbuf(0);
    int first = mb_mapalloc(dvmamap, bp, MB_CANTWAIT, NULL, NULL), second = 0, s;
    pthread_t thread;

    CHECK(first != 0);
    CHECK(pthread_create(&thread, NULL, sleeper, &second) == 0);
    do {
        (void) sched_yield();
        ddi_dma_statistics(dip, &statistics);
    } while (statistics.waits == 0);
    s = splbio();
    mb_mapfree(dvmamap, &first);
    CHECK(first == 0);
    (void) splx(s);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(second != 0);
    mb_mapfree(dvmamap, &second);
    freerbuf(bp);
    ddi_dma_close(dip);
    puts("sleeps: space came back to who slept");
}

/* A start routine of two bufs. It never returns DVMA_RUNOUT, but waits anew. */
struct starting {
    struct buf *bp[2];
    int mbinfo[2];
    int calls;
};

static int
start(caddr_t arg)
{
    struct starting *starting = (struct starting *)arg;
    int i;

    starting->calls++;
    for (i = 0; i < 2; i++) {
        if (starting->bp[i] == NULL)
            continue;
        starting->mbinfo[i] = mb_mapalloc(dvmamap, starting->bp[i], MB_CANTWAIT, start, arg);
        if (starting->mbinfo[i] == 0)
            return (0);
        freerbuf(starting->bp[i]);
        starting->bp[i] = NULL;
    }
    return (0);
}

static void
waits_anew(void)
{
    dev_info_t *dip = sx_open("sim:sbus-disk?dvma=64K");
    struct ddi_dma_statistics statistics;
    struct buf *bp = getbuf(0);
    int first = mb_mapalloc(dvmamap, bp, MB_CANTWAIT, NULL, NULL);
    struct starting starting = { { getbuf(0), getbuf(1) }, { 0, 0 }, 0 };

    CHECK(first != 0);
    (void) start((caddr_t)&starting);
    /* Often is once. */
    CHECK(mb_mapalloc(dvmamap, bp, MB_CANTWAIT, start, (caddr_t)&starting) == 0);
    ddi_dma_sim_settle(dip);
    CHECK(starting.calls == 1);
    mb_mapfree(dvmamap, &first);
    ddi_dma_sim_settle(dip);
    CHECK(starting.calls == 2 && starting.mbinfo[0] != 0 && starting.mbinfo[1] == 0);
    mb_mapfree(dvmamap, &starting.mbinfo[0]);
    ddi_dma_sim_settle(dip);
    CHECK(starting.calls == 3 && starting.mbinfo[1] != 0);
    mb_mapfree(dvmamap, &starting.mbinfo[1]);
    ddi_dma_sim_settle(dip);
    CHECK(starting.calls == 3);
    ddi_dma_statistics(dip, &statistics);
    CHECK(statistics.callbacks == 2);
    freerbuf(bp);
    ddi_dma_close(dip);
    puts("waits_anew: one function, called twice");
}

static void
main_bus(void)
{
    dev_info_t *dip = sx_open("sim:sbus-disk?dvma=64K");
    struct buf *bp = getbuf(0);
    int first = mbsetup(&mb_hd, bp, MB_CANTWAIT), second;

    CHECK(first != 0);
    CHECK(mbsetup(&mb_hd, bp, MB_CANTWAIT) == 0);
    CHECK(strstr(ddi_dma_last_error(), "mbsetup: sim:sbus-disk?dvma=64K: ") == ddi_dma_last_error());
    CHECK(mballoc(&mb_hd, memory[1], BYTES, MB_CANTWAIT) == 0);
    second = mballoc(&mb_hd, memory[1], 8, MB_CANTWAIT);
    CHECK(second != 0 && second != first);
    mbrelse(&mb_hd, &first);
    mbrelse(&mb_hd, &second);
    CHECK(first == 0 && second == 0);
    first = mbsetup(&mb_hd, bp, 0);
    CHECK(first != 0);
    mbrelse(&mb_hd, &first);
    freerbuf(bp);
    ddi_dma_close(dip);
    puts("main_bus: space of struct mb_hd's map");
}

/* More than there is at all: nobody waits for that. */
static void
too_big(void)
{
    static char large[128 * 1024] __attribute__((aligned(8192)));
    dev_info_t *dip = sx_open("sim:sbus-disk?dvma=64K");

    CHECK(mb_nbmapalloc(dvmamap, large, sizeof (large), 0, NULL, NULL) == 0);
    CHECK(strncmp(ddi_dma_last_error(), "mb_nbmapalloc: sim:sbus-disk?dvma=64K: map space: 131072 asked", 62) == 0);
    CHECK(mb_nbmapalloc(dvmamap, large, sizeof (large), 0, start, NULL) == 0);
    ddi_dma_close(dip);
    puts("too_big: nobody waits for what never comes");
}

/* The part of the address space that an address of a bus is in. */
static const char *
where(u_int address)
{
    if (address >= 0xFF000000u)
        return ("DVMA");
    return (address < 0x1000000u ? "below 16 MiB" : "above 16 MiB");
}

/* The device reads and writes as much from one address as memory has that lies apart. */
static void
one_address(const char *name)
{
    static char device[20000], expected[20000];
    dev_info_t *dip = sx_open(name);
    char *apart = ddi_dma_sim_alloc(dip, 100 + sizeof (device));
    struct buf *bp = sx_getbuf(apart + 100, sizeof (device), 0, B_WRITE);
    int mbinfo, again;

    sx_fill(expected, sizeof (expected), 1);
    (void) memcpy(apart + 100, expected, sizeof (expected));
    mbinfo = mb_mapalloc(dvmamap, bp, MB_CANTWAIT, NULL, NULL);
    again = mb_mapalloc(dvmamap, bp, MB_CANTWAIT, NULL, NULL);
    CHECK(mbinfo != 0 && again != 0);
    CHECK(ddi_dma_sim_read(dip, (u_int)MBI_ADDR(mbinfo), device, sizeof (device)) == 0);
    CHECK(memcmp(device, expected, sizeof (device)) == 0);
    (void) printf("%s: %s\n", name, where((u_int)MBI_ADDR(mbinfo)));
    mb_mapfree(dvmamap, &mbinfo);
    mb_mapfree(dvmamap, &again);

    bp->b_flags = B_BUSY | B_READ;
    mbinfo = mb_mapalloc(dvmamap, bp, MB_CANTWAIT, NULL, NULL);
    sx_fill(expected, sizeof (expected), 2);
    CHECK(ddi_dma_sim_write(dip, (u_int)MBI_ADDR(mbinfo), expected, sizeof (expected)) == 0);
    mb_mapfree(dvmamap, &mbinfo);
    CHECK(memcmp(apart + 100, expected, sizeof (expected)) == 0);

    /* Without a buf both go. */
    mbinfo = mb_nbmapalloc(dvmamap, apart, 8192, MB_CANTWAIT, NULL, NULL);
    CHECK(ddi_dma_sim_read(dip, (u_int)MBI_ADDR(mbinfo) + 100, device, 8000) == 0);
    CHECK(memcmp(device, expected, 8000) == 0);
    sx_fill(device, 8000, 3);
    CHECK(ddi_dma_sim_write(dip, (u_int)MBI_ADDR(mbinfo) + 100, device, 8000) == 0);
    mb_mapfree(dvmamap, &mbinfo);
    CHECK(memcmp(apart + 100, device, 8000) == 0);

    freerbuf(bp);
    ddi_dma_sim_free(dip, apart);
    ddi_dma_close(dip);
}

/* Pages of a list have one address, too. */
static void
page_list(void)
{
    static char device[3 * 4096 - 24];
    dev_info_t *dip = sx_open("sim:sbus-disk");
    char *block = aligned_alloc(4096, 6 * 4096);
    void *pages[3];
    struct page *list;
    struct buf *bp;
    int i, mbinfo;

    CHECK(block != NULL);
    sx_fill(block, 6 * 4096, 4);
    for (i = 0; i < 3; i++)
        pages[i] = block + (4 - 2 * i) * 4096;
    list = ddi_dma_pages(pages, 3);
    CHECK(list != NULL);
    bp = sx_getbuf((caddr_t)8, sizeof (device), 0, B_WRITE | B_PAGEIO);
    bp->b_pages = list;
    mbinfo = mb_mapalloc(dvmamap, bp, 0, NULL, NULL);
    CHECK(mbinfo != 0);
    CHECK(ddi_dma_sim_read(dip, (u_int)MBI_ADDR(mbinfo), device, sizeof (device)) == 0);
    CHECK(memcmp(device, block + 4 * 4096 + 8, 4096 - 8) == 0);
    CHECK(memcmp(device + 4096 - 8, block + 2 * 4096, 4096) == 0);
    CHECK(memcmp(device + 2 * 4096 - 8, block, 4096 - 16) == 0);
    mb_mapfree(dvmamap, &mbinfo);
    freerbuf(bp);
    ddi_dma_pages_free(list);
    free(block);
    ddi_dma_close(dip);
    puts("page_list: three pages at one address");
}

/* More than handles are kept for, all at a time, freed in another order. */
static void
many(void)
{
    static char pages[64][4096];
    dev_info_t *dip = sx_open("sim:sbus-disk");
    int mbinfo[64], i;
    char byte;

    for (i = 0; i < 64; i++) {
        pages[i][7] = (char)i;
        mbinfo[i] = mb_nbmapalloc(dvmamap, pages[i], 4096, 0, NULL, NULL);
        CHECK(mbinfo[i] != 0);
    }
    for (i = 0; i < 64; i++) {
        int other = (i * 37 + 11) % 64;

        CHECK(ddi_dma_sim_read(dip, (u_int)mbinfo[other] + 7, &byte, 1) == 0 && byte == other);
        mb_mapfree(dvmamap, &mbinfo[other]);
    }
    ddi_dma_close(dip);
    puts("many: 64 buffers mapped at a time");
}

static int counted;

static void *
count(void *arg)
{
    int i, s;

    for (i = 0; i < 1000; i++) {
        s = splr(*(int *)arg);
        counted++;
        (void) splx(s);
    }
    return (NULL);
}

static void
levels(void)
{
    int low = 1, high = 12;
    pthread_t thread;

    adddma(3);
    adddma(7);
    adddma(5);
    CHECK(SPLMB == 7);
    CHECK(splr(5) == 0 && splr(2) == 5 && splvm() == 5 && splx(1) == 7 && spl0() == 1 && splx(0) == 0);
    CHECK(pthread_create(&thread, NULL, count, &low) == 0);
    (void) count(&high);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(counted == 2000);
    puts("levels: they exclude each other");
}

int
main(int argc, char **argv)
{
    int i;

    if (argc > 1) {
        for (i = 1; i < argc; i++)
            one_address(argv[i]);
        return (0);
    }
    sleeps();
    waits_anew();
    main_bus();
    too_big();
    page_list();
    many();
    levels();
    return (0);
}
