/* Raw I/O: requests cut into pieces, devices that stop short or fail, memory that cannot be locked. */

#include "io.h"

#define DISK_BYTES (512 * 1024)

/* What the driver saw of the pieces of the last request. */
static struct {
    daddr_t block;
    size_t count;
    caddr_t data;
    int flags;
} pieces[64];
static int npieces;

static char disk[DISK_BYTES];
static pthread_t worker;
static int working;

/* Where the driver puts its error, and which one; -1: nowhere. Its residual is `fail_resid`. */
static daddr_t fail_at = -1;
static int fail_with;
static size_t fail_resid;

static void *
work(void *argument)
{
    struct buf *bp = (struct buf *)argument;
    size_t start = (size_t)bp->b_lblkno * DEV_BSIZE, count = bp->b_bcount;

    if (start >= DISK_BYTES)
        count = 0;
    else if (count > DISK_BYTES - start)
        count = DISK_BYTES - start;
    if (bp->b_flags & B_READ)
        memcpy(bp->b_un.b_addr, disk + start, count);
    else
        memcpy(disk + start, bp->b_un.b_addr, count);
    bp->b_resid = bp->b_bcount - count;
    if (bp->b_lblkno == fail_at) {
        bp->b_resid = fail_resid;
        bioerror(bp, fail_with);
    }
    biodone(bp);
    return (NULL);
}

static int
strategy(struct buf *bp)
{
    if (working)
        join_thread(worker);
    CHECK(npieces < 64, 1);
    pieces[npieces].block = bp->b_lblkno;
    pieces[npieces].count = bp->b_bcount;
    pieces[npieces].data = bp->b_un.b_addr;
    pieces[npieces++].flags = bp->b_flags;
    CHECK(bp->b_edev, 0x500000003);
    working = 1;
    start_thread(&worker, work, bp);
    return (0);
}

static int
raw(struct buf *bp, int rw, void (*mincnt)(struct buf *), struct uio *uio)
{
    int error;

    npieces = 0;
    error = physio(strategy, bp, 0x500000003, rw, mincnt, uio);
    if (working)
        join_thread(worker);
    working = 0;
    return (error);
}

static void
request(struct uio *uio, iovec_t *iov, int iovcnt, offset_t offset)
{
    int i;

    memset(uio, 0, sizeof (*uio));
    uio->uio_iov = iov;
    uio->uio_iovcnt = iovcnt;
    uio->uio_loffset = offset;
    uio->uio_segflg = UIO_USERSPACE;
    for (i = 0; i < iovcnt; i++)
        uio->uio_resid += (ssize_t)iov[i].iov_len;
}

static void
piece(int index, daddr_t block, size_t count, const char *data, int flags)
{
    CHECK(pieces[index].block, block);
    CHECK(pieces[index].count, count);
    CHECK_PTR(pieces[index].data, data);
    CHECK(pieces[index].flags, flags);
}

static void
sectors(struct buf *bp)
{
    if (bp->b_bcount > 8 * DEV_BSIZE)
        bp->b_bcount = 8 * DEV_BSIZE;
    minphys(bp);
}

static void
whole(void)
{
    static char memory[200 * 1024], back[200 * 1024];
    iovec_t iov[3];
    struct uio uio;
    size_t i;

    for (i = 0; i < sizeof (memory); i++)
        memory[i] = (char)(i * 7 + i / 4096);
    iov[0].iov_base = memory;
    iov[0].iov_len = 150000;
    iov[1].iov_base = NULL;
    iov[1].iov_len = 0;
    iov[2].iov_base = memory + 150000;
    iov[2].iov_len = sizeof (memory) - 150000;
    request(&uio, iov, 3, 8 * DEV_BSIZE);
    CHECK(raw(NULL, B_WRITE, minphys, &uio), 0);
    CHECK(npieces, 4);
    piece(0, 8, 57344, memory, B_BUSY | B_PHYS | B_WRITE);
    piece(1, 120, 57344, memory + 57344, B_BUSY | B_PHYS | B_WRITE);
    piece(2, 232, 35312, memory + 114688, B_BUSY | B_PHYS | B_WRITE);
    /* 4096 + 150000 bytes are 300 whole blocks and a part of one. */
    piece(3, 300, 54800, memory + 150000, B_BUSY | B_PHYS | B_WRITE);
    CHECK(uio.uio_resid, 0);
    CHECK(uio.uio_loffset, 8 * DEV_BSIZE + 204800);
    CHECK(uio.uio_iovcnt, 0);
    CHECK_PTR(uio.uio_iov, iov + 3);
    CHECK_PTR(iov[0].iov_base, memory + 150000);
    CHECK(iov[0].iov_len, 0);
    CHECK_PTR(iov[2].iov_base, memory + sizeof (memory));

    /* And back, on a buf of the driver's, from whole blocks. */
    memcpy(disk + 512, memory, sizeof (memory));
    {
        struct buf *bp = getrbuf(KM_SLEEP);

        iov[0].iov_base = back;
        iov[0].iov_len = sizeof (back);
        request(&uio, iov, 1, DEV_BSIZE);
        uio.uio_segflg = UIO_SYSSPACE;
        CHECK(raw(bp, B_READ, sectors, &uio), 0);
        CHECK(npieces, 50);
        piece(49, 393, 4096, back + 49 * 4096, B_BUSY | B_PHYS | B_READ);
        CHECK(memcmp(memory, back, sizeof (back)), 0);
        CHECK(bp->b_flags, B_READ | B_DONE);
        freerbuf(bp);
    }
}

static void
short_device(void)
{
    static char memory[100 * 1024];
    iovec_t iov[2];
    struct uio uio;

    iov[0].iov_base = memory;
    iov[0].iov_len = 60 * 1024;
    iov[1].iov_base = memory + 60 * 1024;
    iov[1].iov_len = 40 * 1024;
    request(&uio, iov, 2, DISK_BYTES - 58 * 1024);
    CHECK(raw(NULL, B_READ, minphys, &uio), 0);
    CHECK(npieces, 2);
    CHECK(uio.uio_resid, 42 * 1024);
    CHECK(uio.uio_loffset, DISK_BYTES);
    CHECK(uio.uio_iovcnt, 2);
    CHECK_PTR(uio.uio_iov, iov);
    CHECK_PTR(iov[0].iov_base, memory + 58 * 1024);
    CHECK(iov[0].iov_len, 2 * 1024);

    /* At the end nothing is left to read. */
    CHECK(raw(NULL, B_READ, minphys, &uio), 0);
    CHECK(npieces, 1);
    CHECK(uio.uio_resid, 42 * 1024);
}

static void
errors(void)
{
    static char memory[64 * 1024];
    iovec_t iov;
    struct uio uio;
    struct buf *bp = getrbuf(KM_SLEEP);

    /* The third piece fails behind 1,000 bytes. */
    fail_at = 16, fail_with = ENXIO, fail_resid = 3096;
    iov.iov_base = memory;
    iov.iov_len = sizeof (memory);
    request(&uio, &iov, 1, 0);
    CHECK(raw(bp, B_WRITE, sectors, &uio), ENXIO);
    CHECK(npieces, 3);
    CHECK(uio.uio_resid, 64 * 1024 - 9192);
    CHECK(uio.uio_loffset, 9192);
    CHECK(iov.iov_len, 64 * 1024 - 9192);
    CHECK(bp->b_flags, B_WRITE | B_ERROR | B_DONE);

    /* An error without a residual: nothing of the piece was transferred. No number: EIO. */
    fail_with = 300, fail_resid = 0;
    iov.iov_base = memory;
    iov.iov_len = sizeof (memory);
    request(&uio, &iov, 1, 0);
    CHECK(raw(NULL, B_WRITE, sectors, &uio), 300);
    CHECK(uio.uio_resid, 64 * 1024 - 8192);
    fail_at = -1;

    /* The buf is good for another request. */
    iov.iov_base = memory;
    iov.iov_len = 512;
    request(&uio, &iov, 1, 0);
    CHECK(raw(bp, B_WRITE, sectors, &uio), 0);
    CHECK(geterror(bp), 0);
    freerbuf(bp);
}

static void
nothing(struct buf *bp)
{
    bp->b_bcount = 0;
}

static void
more(struct buf *bp)
{
    bp->b_bcount += 512;
}

static void
refusals(void)
{
    char *pages = map_pages(4, PROT_READ | PROT_WRITE);
    iovec_t iov[2];
    struct uio uio;
    struct buf *bp = getrbuf(KM_SLEEP);

    unmap_pages(pages + 2 * PAGESIZE, 1);
    CHECK(mprotect(pages + 3 * PAGESIZE, PAGESIZE, PROT_READ), 0);

    /* A hole: what came before it was moved. */
    iov[0].iov_base = pages;
    iov[0].iov_len = 3 * PAGESIZE;
    request(&uio, iov, 1, 0);
    CHECK(raw(bp, B_WRITE, sectors, &uio), EFAULT);
    CHECK(npieces, 2);
    CHECK(uio.uio_resid, PAGESIZE);
    CHECK(bp->b_flags, B_WRITE | B_ERROR);
    CHECK(bp->b_error, EFAULT);

    /* A page that a device may not write to, but read. */
    iov[0].iov_base = pages + 3 * PAGESIZE;
    iov[0].iov_len = 512;
    request(&uio, iov, 1, 0);
    CHECK(raw(NULL, B_READ, sectors, &uio), EACCES);
    CHECK(npieces, 0);
    CHECK(uio.uio_resid, 512);
    CHECK(raw(NULL, B_WRITE, sectors, &uio), 0);

    /* Addresses that no memory has: past the end of all of them, and the kernel's. */
    iov[0].iov_base = (void *)(uintptr_t)-256;
    iov[0].iov_len = 512;
    request(&uio, iov, 1, 0);
    CHECK(raw(NULL, B_WRITE, sectors, &uio), EFAULT);
    iov[0].iov_base = (void *)(uintptr_t)0xffff800000000000;
    CHECK(raw(NULL, B_WRITE, sectors, &uio), EFAULT);
    CHECK(npieces, 0);

    /* Requests that make no sense. */
    iov[0].iov_base = pages;
    iov[0].iov_len = 512;
    request(&uio, iov, 1, -512);
    CHECK(raw(NULL, B_READ, sectors, &uio), EINVAL);
    request(&uio, iov, 1, INT64_MAX);
    CHECK(raw(NULL, B_READ, sectors, &uio), EINVAL);
    request(&uio, iov, 1, 0);
    CHECK(raw(NULL, B_READ, nothing, &uio), EINVAL);
    CHECK(raw(NULL, B_READ | B_WRITE, minphys, &uio), EINVAL);
    uio.uio_resid = -1;
    CHECK(raw(NULL, B_READ, minphys, &uio), EINVAL);
    request(&uio, iov, 1, 0);
    uio.uio_iovcnt = -1;
    CHECK(raw(NULL, B_READ, minphys, &uio), EINVAL);
    CHECK(npieces, 0);

    /* mincnt makes pieces smaller, and nothing else; uio_resid is the most that is moved. */
    request(&uio, iov, 1, 0);
    uio.uio_resid = 300;
    CHECK(raw(NULL, B_READ, more, &uio), 0);
    CHECK(npieces, 1);
    piece(0, 0, 300, pages, B_BUSY | B_PHYS | B_READ);
    CHECK(uio.uio_resid, 0);
    CHECK(iov[0].iov_len, 212);

    /* Nothing to do. */
    request(&uio, iov, 0, 0);
    CHECK(raw(NULL, B_READ, minphys, &uio), 0);
    CHECK(npieces, 0);
    freerbuf(bp);
    unmap_pages(pages, 2);
    unmap_pages(pages + 3 * PAGESIZE, 1);
}

/* What the devices of many requests moved, and how the last of their pieces ended. */
static struct {
    unsigned random;
    size_t moved;
    int error;
} told;

static unsigned
random_below(unsigned end)
{
    told.random = told.random * 1103515245 + 12345;
    return ((told.random >> 12) % end);
}

/* A piece in seven ends short, one in seven fails, with or without bytes moved. */
static int
strategy_any(struct buf *bp)
{
    unsigned how = random_below(7);

    CHECK(bp->b_lblkno, (daddr_t)(told.moved / DEV_BSIZE));
    told.error = 0;
    if (how < 2)
        bp->b_resid = 1 + random_below((unsigned)bp->b_bcount);
    if (how == 1)
        bioerror(bp, told.error = 1 + (int)random_below(100));
    told.moved += bp->b_bcount - bp->b_resid;
    biodone(bp);
    return (0);
}

/* However a request ends, it has moved on by what was moved, from its start on and without a gap. */
static void
any_request(void)
{
    static char memory[8][40000];
    iovec_t iov[8];
    struct uio uio;
    int i, n, round, error;
    size_t total, left, lengths[8];

    told.random = 1;
    for (round = 0; round < 500; round++) {
        n = (int)random_below(9);
        for (total = 0, i = 0; i < n; i++) {
            lengths[i] = random_below(3) == 0 ? 0 : random_below(sizeof (memory[i]) + 1);
            iov[i].iov_base = memory[i];
            iov[i].iov_len = lengths[i];
            total += lengths[i];
        }
        request(&uio, iov, n, 0);
        told.moved = 0;
        told.error = 0;
        error = physio(strategy_any, NULL, NODEV, B_READ, sectors, &uio);
        CHECK(error, told.error);
        CHECK(uio.uio_loffset, told.moved);
        CHECK(uio.uio_resid, total - told.moved);
        for (left = told.moved, i = 0; i < n; i++) {
            size_t done = lengths[i] < left ? lengths[i] : left;

            left -= done;
            CHECK_PTR(iov[i].iov_base, memory[i] + done);
            CHECK(iov[i].iov_len, lengths[i] - done);
        }
        CHECK(uio.uio_iov - iov, n - uio.uio_iovcnt);
        for (i = 0; i < n - uio.uio_iovcnt; i++)
            CHECK(iov[i].iov_len, 0);
        /* What was moved is behind the request. */
        CHECK(told.moved == 0 || uio.uio_iovcnt == 0 || uio.uio_iov->iov_len > 0, 1);
    }
}

static void
limits(void)
{
    struct buf buf;

    bioinit(&buf);
    buf.b_bcount = 57345;
    CHECK(maxphys, 57344);
    minphys(&buf);
    CHECK(buf.b_bcount, 57344);
    maxphys = 4096;
    minphys(&buf);
    CHECK(buf.b_bcount, 4096);
    buf.b_bcount = 4095;
    minphys(&buf);
    CHECK(buf.b_bcount, 4095);
    maxphys = 57344;
}

int
main(void)
{
    whole();
    short_device();
    errors();
    refusals();
    any_request();
    limits();
    return (0);
}
