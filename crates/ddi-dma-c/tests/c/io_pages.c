/* Bufs whose bytes lie on listed pages (B_PAGEIO) or on the pages of a shadow list (B_SHADOW). */

#include "io.h"

static void
pageio(void)
{
    char *pages = map_pages(4, PROT_READ | PROT_WRITE), out[PAGESIZE];
    void *order[3];
    struct page *list;
    struct buf *bp = getrbuf(KM_SLEEP), *part;

    order[0] = pages + 3 * PAGESIZE;
    order[1] = pages;
    order[2] = pages + PAGESIZE;
    list = ddi_dma_pages(order, 3);
    CHECK(list != NULL, 1);
    bp->b_flags = B_BUSY | B_PAGEIO | B_WRITE;
    bp->b_pages = list;
    bp->b_un.b_addr = (caddr_t)(uintptr_t)4000;
    bp->b_bcount = 3 * PAGESIZE - 4000;
    CHECK(bp_copyout((void *)"over the end", bp, 90, 13), 0);
    CHECK(memcmp(pages + 4 * PAGESIZE - 6, "over t", 6), 0);
    CHECK(strcmp(pages, "he end"), 0);
    CHECK(bp_copyin(bp, out, 90, 13), 0);
    CHECK(strcmp(out, "over the end"), 0);

    /* A part that starts on the second page: both its pages lie side by side, so it can be mapped in. */
    part = bioclone(bp, 98, 2 * PAGESIZE - 2, 0, 0, NULL, NULL, KM_SLEEP);
    CHECK(part->b_flags, B_BUSY | B_PAGEIO | B_WRITE);
    CHECK_PTR(part->b_un.b_addr, 2);
    bp_mapin(part);
    CHECK_PTR(part->b_un.b_addr, pages + 2);
    CHECK(part->b_flags, B_BUSY | B_PAGEIO | B_WRITE | B_REMAPPED);
    bp_mapin(part);
    CHECK(strcmp(part->b_un.b_addr, " end"), 0);
    CHECK(bp_copyin(part, out, 1, 4), 0);
    CHECK(strcmp(out, "end"), 0);
    bp_mapout(part);
    CHECK_PTR(part->b_un.b_addr, 2);
    bp_mapin(part);
    biodone(part);
    /* As the last to use it, biowait takes the mapping back. */
    CHECK(biowait(part), 0);
    CHECK(part->b_flags, B_BUSY | B_PAGEIO | B_WRITE | B_DONE);
    CHECK_PTR(part->b_un.b_addr, 2);
    freerbuf(part);
    freerbuf(bp);
    ddi_dma_pages_free(list);
    unmap_pages(pages, 4);
}

static void
shadow(void)
{
    char *pages = map_pages(3, PROT_READ | PROT_WRITE), out[8];
    struct page *shadow[3];
    void *page;
    struct buf *bp = getrbuf(KM_SLEEP);
    int i;

    for (i = 0; i < 3; i++) {
        page = pages + (2 - i) * PAGESIZE;
        shadow[i] = ddi_dma_pages(&page, 1);
    }
    bp->b_flags = B_BUSY | B_PHYS | B_SHADOW | B_READ;
    bp->b_shadow = shadow;
    /* What the process calls it: only its offset in the page counts. */
    bp->b_un.b_addr = (caddr_t)(uintptr_t)0x12345ffe;
    bp->b_bcount = PAGESIZE + 4;
    CHECK(bp_copyout((void *)"abcd", bp, 0, 4), 0);
    CHECK(memcmp(pages + 3 * PAGESIZE - 2, "ab", 2), 0);
    CHECK(memcmp(pages + PAGESIZE, "cd", 2), 0);
    CHECK(bp_copyout((void *)"ef", bp, PAGESIZE + 2, 2), 0);
    CHECK(memcmp(pages, "ef", 2), 0);
    CHECK(bp_copyin(bp, out, 0, 4), 0);
    CHECK(memcmp(out, "abcd", 4), 0);
    clrbuf(bp);
    CHECK(pages[0], 0);
    CHECK(pages[3 * PAGESIZE - 1], 0);
    for (i = 0; i < 3; i++)
        ddi_dma_pages_free(shadow[i]);
    freerbuf(bp);
    unmap_pages(pages, 3);
}

static void
refusals(void)
{
    void *page = (void *)(uintptr_t)0x1001;

    CHECK_PTR(ddi_dma_pages(&page, 1), NULL);
    CHECK(strcmp(ddi_dma_last_error(),
        "ddi_dma_pages: pages[0] 0x1001 is not where a page of 4096 starts"), 0);
    page = NULL;
    CHECK_PTR(ddi_dma_pages(&page, 1), NULL);
    CHECK_PTR(ddi_dma_pages(&page, 0), NULL);
    CHECK_PTR(ddi_dma_pages(NULL, 1), NULL);
}

int
main(void)
{
    pageio();
    shadow();
    refusals();
    return (0);
}
