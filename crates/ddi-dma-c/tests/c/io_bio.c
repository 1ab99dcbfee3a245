/* The life of a buf: allocated, issued, ended by another thread, waited for, used again, freed. */

#include "io.h"

/* A device that ends requests on a thread of its own, in the order in which they came. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct buf *first, *last;
    int stop;
} device = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, NULL, 0 };

static int
strategy(struct buf *bp)
{
    pthread_mutex_lock(&device.lock);
    bp->av_forw = NULL;
    if (device.first == NULL)
        device.first = bp;
    else
        device.last->av_forw = bp;
    device.last = bp;
    pthread_cond_signal(&device.changed);
    pthread_mutex_unlock(&device.lock);
    return (0);
}

/* Block 13 is broken; block 26 ends the medium, so that half of a request for it is done. */
static void *
serve(void *unused)
{
    struct buf *bp;

    (void) unused;
    for (;;) {
        pthread_mutex_lock(&device.lock);
        while ((bp = device.first) == NULL && !device.stop)
            pthread_cond_wait(&device.changed, &device.lock);
        if (bp != NULL)
            device.first = bp->av_forw;
        pthread_mutex_unlock(&device.lock);
        if (bp == NULL)
            return (NULL);
        memset(bp->b_un.b_addr, (int)bp->b_lblkno, bp->b_bcount);
        bp->b_resid = 0;
        if (bp->b_lblkno == 13) {
            bp->b_resid = bp->b_bcount;
            bioerror(bp, EIO);
        } else if (bp->b_lblkno == 26) {
            bp->b_resid = bp->b_bcount / 2;
        }
        biodone(bp);
    }
}

static void
fill(struct buf *bp, char *data, size_t count, daddr_t block)
{
    bp->b_flags = B_BUSY | B_READ;
    bp->b_un.b_addr = data;
    bp->b_bcount = count;
    bp->b_lblkno = block;
}

/* Many threads, each with a buf that it uses again and again. */
static void *
client(void *argument)
{
    daddr_t base = *(daddr_t *)argument;
    struct buf *bp = getrbuf(KM_SLEEP);
    char data[64];
    int round;

    for (round = 0; round < 200; round++) {
        daddr_t block = base + round % 5;

        memset(data, 0xff, sizeof (data));
        fill(bp, data, sizeof (data), block);
        (void) strategy(bp);
        CHECK(biowait(bp), block == 13 ? EIO : 0);
        CHECK(bp->b_flags, B_BUSY | B_READ | B_DONE | (block == 13 ? B_ERROR : 0));
        CHECK(bp->b_resid, block == 13 ? 64 : block == 26 ? 32 : 0);
        CHECK(data[0], block);
        CHECK(data[63], block);
        /* It has ended: waiting once more returns at once. */
        CHECK(biowait(bp), block == 13 ? EIO : 0);
        bioreset(bp);
        CHECK(bp->b_flags, 0);
        CHECK(bp->b_error, 0);
        CHECK(bp->b_offset, -1);
    }
    freerbuf(bp);
    return (NULL);
}

static void
threads(void)
{
    pthread_t server, clients[6];
    daddr_t bases[6] = { 0, 9, 13, 22, 26, 40 };
    int i;

    start_thread(&server, serve, NULL);
    for (i = 0; i < 6; i++)
        start_thread(&clients[i], client, &bases[i]);
    for (i = 0; i < 6; i++)
        join_thread(clients[i]);
    pthread_mutex_lock(&device.lock);
    device.stop = 1;
    pthread_cond_signal(&device.changed);
    pthread_mutex_unlock(&device.lock);
    join_thread(server);
}

/* Several threads wait for one request. */
static void *
waiter(void *bp)
{
    CHECK(biowait((struct buf *)bp), ENXIO);
    return (NULL);
}

static void
one_for_all(void)
{
    struct buf buf;
    pthread_t waiters[4];
    int i;

    bioinit(&buf);
    buf.b_flags = B_BUSY | B_WRITE;
    for (i = 0; i < 4; i++)
        start_thread(&waiters[i], waiter, &buf);
    bioerror(&buf, ENXIO);
    biodone(&buf);
    for (i = 0; i < 4; i++)
        join_thread(waiters[i]);
    biofini(&buf);
}

static int calls;

static int
iodone(struct buf *bp)
{
    calls++;
    CHECK(bp->b_flags & B_DONE, 0);
    CHECK_PTR(bp->b_private, &calls);
    /* As the manual page has it: the routine ends the request itself. */
    bp->b_iodone = NULL;
    biodone(bp);
    return (0);
}

static void
called(void)
{
    struct buf *bp = getrbuf(KM_NOSLEEP);

    bp->b_flags = B_BUSY | B_READ | B_ASYNC;
    bp->b_iodone = iodone;
    bp->b_private = &calls;
    biodone(bp);
    CHECK(calls, 1);
    CHECK(bp->b_flags, B_BUSY | B_READ | B_ASYNC | B_DONE);
    CHECK(biowait(bp), 0);
    freerbuf(bp);
}

static void
errors(void)
{
    struct buf *bp = getrbuf(KM_SLEEP);

    CHECK(bp->b_flags, 0);
    CHECK(bp->b_offset, -1);
    CHECK(bp->b_bcount, 0);
    CHECK(biosize(), sizeof (struct buf));
    CHECK(SEMA_HELD(&bp->b_sem) != 0, 1);
    CHECK(geterror(bp), 0);
    bioerror(bp, ENOSPC);
    CHECK(geterror(bp), ENOSPC);
    CHECK(bp->b_flags, B_ERROR);
    bioerror(bp, 0);
    CHECK(geterror(bp), 0);
    CHECK(bp->b_flags, 0);
    /* A driver that sets the flag alone, or the number alone. */
    bp->b_flags = B_ERROR;
    CHECK(geterror(bp), EIO);
    bp->b_flags = 0;
    bp->b_error = ENXIO;
    CHECK(geterror(bp), 0);
    freerbuf(bp);
}

static void
clones(void)
{
    struct buf *whole = getrbuf(KM_SLEEP), *part, memory;
    char data[4096];

    fill(whole, data, sizeof (data), 8);
    whole->b_flags = B_BUSY | B_PHYS | B_WRITE | B_ERROR | B_ASYNC;
    part = bioclone(whole, 1000, 3096, 7, 9, iodone, NULL, KM_SLEEP);
    CHECK(part->b_flags, B_BUSY | B_PHYS | B_WRITE);
    CHECK_PTR(part->b_un.b_addr, data + 1000);
    CHECK(part->b_bcount, 3096);
    CHECK(part->b_lblkno, 9);
    CHECK(part->b_edev, 7);
    CHECK(part->b_iodone == iodone, 1);
    CHECK_PTR(bioclone(part, 96, 0, 6, 10, NULL, &memory, KM_NOSLEEP), &memory);
    CHECK_PTR(memory.b_un.b_addr, data + 1096);
    CHECK(memory.b_bcount, 0);
    CHECK(memory.b_offset, -1);
    biofini(&memory);
    freerbuf(part);
    freerbuf(whole);
}

static void
copies(void)
{
    struct buf *bp = getrbuf(KM_SLEEP);
    char data[100], out[8];

    memset(data, 'x', sizeof (data));
    fill(bp, data, sizeof (data), 0);
    CHECK(bp_copyout((void *)"driver", bp, 90, 6), 0);
    CHECK(memcmp(data + 88, "xxdriverxxxx", 12), 0);
    CHECK(bp_copyin(bp, out, 92, 8), 0);
    CHECK(memcmp(out, "iverxxxx", 8), 0);
    CHECK(bp_copyin(bp, out, 93, 8), -1);
    CHECK(bp_copyin(bp, out, -1, 1), -1);
    CHECK(bp_copyout(out, bp, 101, 0), -1);
    CHECK(bp_copyout(out, bp, 100, 0), 0);
    bp_mapin(bp);
    CHECK_PTR(bp->b_un.b_addr, data);
    bp_mapout(bp);
    CHECK_PTR(bp->b_un.b_addr, data);
    bp->b_bcount = 99;
    bp->b_resid = 5;
    clrbuf(bp);
    CHECK(bp->b_resid, 0);
    CHECK(data[0], 0);
    CHECK(data[98], 0);
    CHECK(data[99], 'x');
    freerbuf(bp);
}

static void
sorted(void)
{
    static const size_t places[] = { 50, 20, 70, 50, 90, 10, 70, 20 };
    static const int order[] = { 0, 3, 2, 6, 4, 5, 1, 7 };
    struct buf bufs[8], *bp;
    struct diskhd head;
    int i;

    memset(&head, 0, sizeof (head));
    for (i = 0; i < 8; i++) {
        bioinit(&bufs[i]);
        bufs[i].b_resid = places[i];
        disksort(&head, &bufs[i]);
    }
    for (i = 0, bp = head.av_forw; i < 8; i++, bp = bp->av_forw)
        CHECK(bp - bufs, order[i]);
    CHECK_PTR(bp, NULL);
    CHECK(head.av_back - bufs, 7);
    /* The first is done: the arm stands at the next one. */
    head.av_forw = head.av_forw->av_forw;
    bufs[0].b_resid = 60;
    disksort(&head, &bufs[0]);
    CHECK(bufs[3].av_forw - bufs, 0);
    CHECK(bufs[0].av_forw - bufs, 2);
}

/* An arm that moves one way, against what it is to do: many queues, built and emptied in turn. */
static void
sorted_as_told(void)
{
    struct buf bufs[24], *bp;
    struct diskhd head;
    unsigned random = 1, queued = 0, order[24], n, i, at;

    memset(&head, 0, sizeof (head));
    for (i = 0; i < 24; i++)
        bioinit(&bufs[i]);
    for (n = 0; n < 2000; n++) {
        random = random * 1103515245 + 12345;
        if (queued == 24 || (queued > 0 && (random >> 16) % 5 < 2)) {
            /* The first is done. */
            bufs[order[0]].b_flags = 0;
            head.av_forw = head.av_forw->av_forw;
            memmove(order, order + 1, --queued * sizeof (order[0]));
            continue;
        }
        for (i = 0; bufs[i].b_flags != 0; i++)
            ;
        bufs[i].b_flags = B_BUSY;
        bufs[i].b_resid = (random >> 20) % 10;
        /* Behind the first: those at its place or further, then the others; both in order, equals as they came. */
        for (at = queued; at > 1; at--) {
            int ahead = bufs[order[at - 1]].b_resid < bufs[order[0]].b_resid;
            int behind = bufs[i].b_resid < bufs[order[0]].b_resid;

            if (ahead < behind || (ahead == behind && bufs[order[at - 1]].b_resid <= bufs[i].b_resid))
                break;
        }
        memmove(order + at + 1, order + at, (queued - at) * sizeof (order[0]));
        order[at] = i;
        queued++;
        disksort(&head, &bufs[i]);
        for (at = 0, bp = head.av_forw; at < queued; at++, bp = bp->av_forw)
            CHECK(bp - bufs, order[at]);
        CHECK_PTR(bp, NULL);
        CHECK(head.av_back - bufs, order[queued - 1]);
    }
}

int
main(void)
{
    threads();
    one_for_all();
    called();
    errors();
    clones();
    copies();
    sorted();
    sorted_as_told();
    return (0);
}
