/* Locked memory: errors in their order, limits, bufs of a part of it; memory of the driver's; uiomove. */

#include "io.h"

static void
errors(void)
{
    char *pages = map_pages(5, PROT_READ | PROT_WRITE);
    ddi_umem_cookie_t cookie, other;

    unmap_pages(pages + 2 * PAGESIZE, 1);
    CHECK(mprotect(pages + 3 * PAGESIZE, PAGESIZE, PROT_READ), 0);
    CHECK(mprotect(pages + 4 * PAGESIZE, PAGESIZE, PROT_NONE), 0);
    ddi_dma_set_umem_limit(2 * PAGESIZE);
    CHECK(ddi_dma_umem_limit(), 2 * PAGESIZE);

    /* Flags come ahead of the range, the range ahead of the limit, the limit ahead of the pages. */
    cookie = (ddi_umem_cookie_t)pages;
    CHECK(ddi_umem_lock(pages + 1, PAGESIZE, 0, &cookie), EINVAL);
    CHECK_PTR(cookie, NULL);
    CHECK(strcmp(ddi_dma_last_error(),
        "ddi_umem_lock: flags 0x0 are refused: say READ (0x1), WRITE (0x2) or both"), 0);
    CHECK(ddi_umem_lock(pages, PAGESIZE, DDI_UMEMLOCK_READ | 4, &cookie), EINVAL);
    CHECK(ddi_umem_lock(pages + 1, 9 * PAGESIZE, DDI_UMEMLOCK_READ, &cookie), EINVAL);
    CHECK(ddi_umem_lock(pages, PAGESIZE - 1, DDI_UMEMLOCK_READ, &cookie), EINVAL);
    CHECK(ddi_umem_lock(pages, 0, DDI_UMEMLOCK_READ, &cookie), EINVAL);
    CHECK(ddi_umem_lock(pages, 3 * PAGESIZE, DDI_UMEMLOCK_READ, &cookie), ENOMEM);
    CHECK(ddi_umem_lock(pages + PAGESIZE, 2 * PAGESIZE, DDI_UMEMLOCK_READ, &cookie), EFAULT);
    CHECK(ddi_umem_lock(NULL, PAGESIZE, DDI_UMEMLOCK_READ, &cookie), EFAULT);
    CHECK(ddi_umem_lock((caddr_t)(uintptr_t)-PAGESIZE, PAGESIZE, DDI_UMEMLOCK_READ, &cookie), EFAULT);
    CHECK(ddi_umem_lock(pages + 3 * PAGESIZE, PAGESIZE, DDI_UMEMLOCK_WRITE, &cookie), EACCES);
    CHECK(ddi_umem_lock(pages + 3 * PAGESIZE, PAGESIZE, DDI_UMEMLOCK_READ | DDI_UMEMLOCK_WRITE, &cookie), EACCES);
    CHECK(ddi_umem_lock(pages + 4 * PAGESIZE, PAGESIZE, DDI_UMEMLOCK_READ, &cookie), EACCES);
    CHECK(ddi_dma_umem_locked(), 0);

    /* The limit counts each lock in full. */
    CHECK(ddi_umem_lock(pages + 3 * PAGESIZE, PAGESIZE, DDI_UMEMLOCK_READ, &cookie), 0);
    CHECK(ddi_umem_lock(pages + 3 * PAGESIZE, PAGESIZE, DDI_UMEMLOCK_READ, &other), 0);
    CHECK(cookie != other, 1);
    CHECK(ddi_dma_umem_locked(), 2 * PAGESIZE);
    ddi_umem_unlock(cookie);
    CHECK(ddi_umem_lock(pages, 2 * PAGESIZE, DDI_UMEMLOCK_READ, &cookie), ENOMEM);
    CHECK(ddi_dma_umem_locked(), PAGESIZE);
    ddi_umem_unlock(other);
    CHECK(ddi_dma_umem_locked(), 0);
    unmap_pages(pages, 2);
    unmap_pages(pages + 3 * PAGESIZE, 2);
}

/* Behind the end of a mapped file there is no memory, though there is a mapping. */
static void
behind_a_file(void)
{
    FILE *file = tmpfile();
    ddi_umem_cookie_t cookie;
    char *pages;

    CHECK(file != NULL, 1);
    CHECK(fputc('x', file), 'x');
    CHECK(fflush(file), 0);
    pages = (char *)mmap(NULL, 2 * PAGESIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    CHECK(pages != (char *)MAP_FAILED, 1);
    ddi_dma_set_umem_limit(2 * PAGESIZE);
    CHECK(ddi_umem_lock(pages, 2 * PAGESIZE, DDI_UMEMLOCK_WRITE, &cookie), EFAULT);
    CHECK(ddi_umem_lock(pages, PAGESIZE, DDI_UMEMLOCK_WRITE, &cookie), 0);
    CHECK(pages[0], 'x');
    ddi_umem_unlock(cookie);
    unmap_pages(pages, 2);
    fclose(file);
}

static int
iodone(struct buf *bp)
{
    (void) bp;
    return (0);
}

static void
bufs(void)
{
    char *pages = map_pages(3, PROT_READ | PROT_WRITE), out[6];
    ddi_umem_cookie_t cookie;
    struct buf *bp, *part;

    ddi_dma_set_umem_limit(3 * PAGESIZE);
    CHECK(ddi_umem_lock(pages, 3 * PAGESIZE, DDI_UMEMLOCK_READ, &cookie), 0);
    /* Devices read these pages; none writes them. */
    CHECK_PTR(ddi_umem_iosetup(cookie, 0, 512, B_READ, 1, 2, NULL, DDI_UMEM_SLEEP), NULL);
    CHECK_PTR(ddi_umem_iosetup(cookie, 0, 512, B_READ | B_WRITE, 1, 2, NULL, DDI_UMEM_SLEEP), NULL);
    CHECK_PTR(ddi_umem_iosetup(cookie, -1, 512, B_WRITE, 1, 2, NULL, DDI_UMEM_SLEEP), NULL);
    CHECK_PTR(ddi_umem_iosetup(cookie, 1, 3 * PAGESIZE, B_WRITE, 1, 2, NULL, DDI_UMEM_SLEEP), NULL);
    CHECK_PTR(ddi_umem_iosetup(cookie, 1, SIZE_MAX, B_WRITE, 1, 2, NULL, DDI_UMEM_SLEEP), NULL);

    bp = ddi_umem_iosetup(cookie, PAGESIZE + 100, PAGESIZE, B_WRITE, 77, 42, iodone, DDI_UMEM_NOSLEEP);
    CHECK(bp->b_flags, B_BUSY | B_PHYS | B_SHADOW | B_WRITE);
    CHECK_PTR(bp->b_un.b_addr, pages + PAGESIZE + 100);
    CHECK(bp->b_bcount, PAGESIZE);
    CHECK(bp->b_edev, 77);
    CHECK(bp->b_lblkno, 42);
    CHECK(bp->b_iodone == iodone, 1);
    CHECK(bp->b_proc != NULL, 1);
    CHECK(bp_copyout((void *)"pages", bp, PAGESIZE - 103, 6), 0);
    CHECK(strcmp(pages + 2 * PAGESIZE - 3, "pages"), 0);

    /* A part of it, from its second page on. */
    part = bioclone(bp, PAGESIZE - 100, 50, 77, 43, NULL, NULL, KM_SLEEP);
    CHECK(part->b_flags, B_BUSY | B_PHYS | B_SHADOW | B_WRITE);
    CHECK_PTR(part->b_shadow, bp->b_shadow + 1);
    CHECK(bp_copyin(part, out, 0, 3), 0);
    CHECK(memcmp(out, "es", 3), 0);

    /* Both keep the pages locked when the cookie is gone. */
    ddi_umem_unlock(cookie);
    CHECK(ddi_dma_umem_locked(), 3 * PAGESIZE);
    freerbuf(bp);
    CHECK(ddi_dma_umem_locked(), 3 * PAGESIZE);
    CHECK(bp_copyin(part, out, 0, 3), 0);
    freerbuf(part);
    CHECK(ddi_dma_umem_locked(), 0);
    unmap_pages(pages, 3);
}

static void
kernel_memory(void)
{
    ddi_umem_cookie_t cookie;
    struct buf *bp;
    char *memory;
    size_t i;

    CHECK_PTR(ddi_umem_alloc(0, DDI_UMEM_SLEEP, &cookie), NULL);
    CHECK_PTR(cookie, NULL);
    CHECK_PTR(ddi_umem_alloc(1, 0x100, &cookie), NULL);
    CHECK_PTR(ddi_umem_alloc(SIZE_MAX, DDI_UMEM_NOSLEEP, &cookie), NULL);
    memory = (char *)ddi_umem_alloc(PAGESIZE + 1, DDI_UMEM_PAGEABLE, &cookie);
    CHECK((uintptr_t)memory % PAGESIZE, 0);
    for (i = 0; i < 2 * PAGESIZE; i++)
        CHECK(memory[i], 0);
    CHECK_PTR(ddi_umem_iosetup(cookie, PAGESIZE, PAGESIZE + 1, B_READ, 0, 0, NULL, KM_SLEEP), NULL);
    bp = ddi_umem_iosetup(cookie, PAGESIZE, PAGESIZE, B_READ, 0, 0, NULL, KM_SLEEP);
    CHECK(bp->b_flags, B_BUSY | B_PHYS | B_READ);
    CHECK_PTR(bp->b_un.b_addr, memory + PAGESIZE);
    CHECK_PTR(bp->b_proc, NULL);
    ddi_umem_free(cookie);
    /* The buf keeps the memory. */
    memory[2 * PAGESIZE - 1] = 'z';
    clrbuf(bp);
    CHECK(memory[2 * PAGESIZE - 1], 0);
    freerbuf(bp);
}

static void
moves(void)
{
    char *pages = map_pages(2, PROT_READ | PROT_WRITE), driver[16];
    char text[] = "between driver and process";
    iovec_t iov[3];
    struct uio uio;

    iov[0].iov_base = pages + 10;
    iov[0].iov_len = 5;
    iov[1].iov_base = pages;
    iov[1].iov_len = 0;
    iov[2].iov_base = pages + PAGESIZE - 4;
    iov[2].iov_len = 10;
    memset(&uio, 0, sizeof (uio));
    uio.uio_iov = iov;
    uio.uio_iovcnt = 3;
    uio.uio_loffset = 1000;
    uio.uio_resid = 15;
    CHECK(uiomove(text, 8, UIO_READ, &uio), 0);
    CHECK(memcmp(pages + 10, "betwe", 5), 0);
    CHECK(memcmp(pages + PAGESIZE - 4, "en ", 3), 0);
    CHECK(uio.uio_resid, 7);
    CHECK(uio.uio_loffset, 1008);
    CHECK(uio.uio_iovcnt, 1);
    CHECK_PTR(uio.uio_iov, iov + 2);
    CHECK_PTR(iov[2].iov_base, pages + PAGESIZE - 1);
    CHECK(iov[2].iov_len, 7);
    /* No more than the request has. */
    memset(driver, 'd', sizeof (driver));
    strcpy(pages + PAGESIZE - 1, "process");
    CHECK(uiomove(driver, sizeof (driver), UIO_WRITE, &uio), 0);
    CHECK(memcmp(driver, "processddddddddd", 16), 0);
    CHECK(uio.uio_resid, 0);
    CHECK(uio.uio_iovcnt, 0);

    /* Memory that is not there, or not to be written, moves nothing. */
    CHECK(mprotect(pages + PAGESIZE, PAGESIZE, PROT_READ), 0);
    iov[0].iov_base = pages + PAGESIZE - 4;
    iov[0].iov_len = 8;
    uio.uio_iov = iov;
    uio.uio_iovcnt = 1;
    uio.uio_resid = 8;
    CHECK(uiomove(text, 8, UIO_READ, &uio), EFAULT);
    CHECK(uio.uio_resid, 8);
    CHECK(uiomove(driver, 8, UIO_WRITE, &uio), 0);
    unmap_pages(pages + PAGESIZE, 1);
    uio.uio_iov = iov;
    uio.uio_iovcnt = 1;
    uio.uio_resid = 8;
    iov[0].iov_base = pages + PAGESIZE - 4;
    iov[0].iov_len = 8;
    CHECK(uiomove(driver, 8, UIO_WRITE, &uio), EFAULT);
    uio.uio_resid = -8;
    CHECK(uiomove(driver, 8, UIO_WRITE, &uio), EINVAL);
    unmap_pages(pages, 1);
}

int
main(void)
{
    errors();
    behind_a_file();
    bufs();
    kernel_memory();
    moves();
    return (0);
}
