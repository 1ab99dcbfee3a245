/*
 * `struct buf`, a request of block I/O (buf(9S)).
 *
 * Its layout is whole; of its members the library uses those that buf(9S) names, and b_pages and b_shadow for memory
 * that is not mapped. Left out: the buffer cache.
 */
#ifndef DDI_DMA_SYS_BUF_H
#define DDI_DMA_SYS_BUF_H

#include <sys/ksynch.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct page;
struct proc;
struct vnode;

typedef struct buf {
    int b_flags;
    struct buf *b_forw;
    struct buf *b_back;
    struct buf *av_forw;
    struct buf *av_back;
    o_dev_t b_dev;
    size_t b_bcount;
    union {
        caddr_t b_addr;
        struct fs *b_fs;
        struct cg *b_cg;
        struct dinode *b_dino;
        daddr32_t *b_daddr;
    } b_un;
    lldaddr_t _b_blkno;
    char b_obs1;
    size_t b_resid;
    clock_t b_start;
    struct proc *b_proc;
    struct page *b_pages;
    clock_t b_obs2;
    size_t b_bufsize;
    int (*b_iodone)(struct buf *);
    struct vnode *b_vp;
    struct buf *b_chain;
    int b_obs3;
    int b_error;
    void *b_private;
    dev_t b_edev;
    ksema_t b_sem;
    ksema_t b_io;
    struct buf *b_list;
    struct page **b_shadow;
    void *b_dip;
    struct vnode *b_file;
    offset_t b_offset;
} buf_t;

#define b_lblkno _b_blkno._f
#define b_blkno _b_blkno._f
#define b_actf av_forw
#define b_actl av_back
#define b_active b_bcount
#define b_errcnt b_resid

/* The head of a queue of bufs; its members lie where those of a buf do. */
struct diskhd {
    int b_flags;
    struct buf *b_forw, *b_back;
    struct buf *av_forw, *av_back;
    o_dev_t b_dev;
    size_t b_bcount;
};

/* b_flags */
#define B_BUSY 0x0001
#define B_DONE 0x0002
#define B_ERROR 0x0004
#define B_PAGEIO 0x0010
#define B_PHYS 0x0020
#define B_READ 0x0040
#define B_WANTED 0x0080
#define B_WRITE 0x0100
#define B_AGE 0x000200
#define B_ASYNC 0x000400
#define B_DELWRI 0x000800
#define B_STALE 0x001000
#define B_DONTNEED 0x002000
#define B_REMAPPED 0x004000
#define B_FREE 0x008000
#define B_INVAL 0x010000
#define B_FORCE 0x020000
#define B_NOCACHE 0x080000
#define B_TRUNC 0x100000
#define B_SHADOW 0x200000
#define B_RETRYWRI 0x400000
#define B_FAILFAST 0x1000000
#define B_STARTED 0x2000000
#define B_ABRWRITE 0x4000000

/* 0, or the error of a request that has one. */
extern int biowait(struct buf *bp);
extern void biodone(struct buf *bp);
extern void bioerror(struct buf *bp, int error);
extern void bioreset(struct buf *bp);
extern void bioinit(struct buf *bp);
extern void biofini(struct buf *bp);
extern size_t biosize(void);
extern int geterror(struct buf *bp);
extern struct buf *bioclone(struct buf *bp, off_t off, size_t len, dev_t dev, daddr_t blkno,
    int (*iodone)(struct buf *), struct buf *bp_mem, int sleepflag);
extern void clrbuf(struct buf *bp);
extern void bp_mapin(struct buf *bp);
extern void bp_mapout(struct buf *bp);
extern int bp_copyin(struct buf *bp, void *addr, offset_t offset, size_t size);
extern int bp_copyout(void *addr, struct buf *bp, offset_t offset, size_t size);
extern void minphys(struct buf *bp);

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_BUF_H */
