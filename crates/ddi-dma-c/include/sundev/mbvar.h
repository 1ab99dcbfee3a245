/*
 * The main bus of SunOS 4.1: mb_mapalloc and its family, and the structures by which its kernel knew drivers.
 *
 * For drivers in the C of that time (-std=gnu89) and for those in today's: where the language still knows functions whose
 * parameters are not declared, pointers to a driver's functions are such, and otherwise they have the parameters that the
 * kernel passed.
 *
 * Left out: the tables of the configuration program (mbcinit, mbdinit), the queue of controllers (mbgo, mbdone, mbugo,
 * mbudone, mbuwrap), mbpresetup, MBI_MR and MBI_OFFSET, IOPBALLOC, and maps of other buses than the device's.
 */
#ifndef DDI_DMA_SUNDEV_MBVAR_H
#define DDI_DMA_SUNDEV_MBVAR_H

#include <sys/buf.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ > 201710L)
#define DDI_DMA_PARAMETERS(list) list
#else
#define DDI_DMA_PARAMETERS(list) ()
#endif

/* DVMA space of a bus. ddi_dma_map() in <ddi_dma.h> gives that of a device. */
struct map;

struct mb_ctlr;
struct mb_device;
struct mb_driver;

/* What is called with an argument: a wait function. */
typedef int(*func_t) DDI_DMA_PARAMETERS((caddr_t));

/* The main bus. The program sets mh_map; nothing else of it is used here. */
struct mb_hd {
    struct mb_ctlr *mh_actf;
    struct mb_ctlr *mh_actl;
    struct map *mh_map;
    short mh_users;
    short mh_xclu;
};

/* A vectored interrupt. */
struct vec {
    int(*v_func) DDI_DMA_PARAMETERS((int));
    int v_vec;
    int *v_vptr;
};

/* A controller. */
struct mb_ctlr {
    struct mb_driver *mc_driver;
    short mc_ctlr;
    short mc_alive;
    caddr_t mc_addr;
    int mc_intpri;
    struct vec *mc_intr;
    u_int mc_space;
    struct mb_hd *mc_mh;
    int mc_mbinfo;
    char mc_rw;
    struct buf mc_tab;
    struct mb_ctlr *mc_forw;
};

/* A device, which may be a controller's. */
struct mb_device {
    struct mb_driver *md_driver;
    short md_unit;
    short md_ctlr;
    short md_slave;
    caddr_t md_addr;
    int md_intpri;
    short md_dk;
    int md_flags;
    struct vec *md_intr;
    u_int md_space;
    short md_alive;
    short md_type;
    struct mb_ctlr *md_mc;
    struct mb_hd *md_hd;
    struct diskhd md_utab;
    struct mb_device *md_forw;
    int md_mbinfo;
};

/*
 * A driver. The kernel of SunOS 4.1 called its routines and learnt from mdr_flags that it does DMA. Here the program that
 * opens the device does what it needs of this.
 */
struct mb_driver {
    int(*mdr_probe) DDI_DMA_PARAMETERS((caddr_t, int));
    int(*mdr_slave) DDI_DMA_PARAMETERS((struct mb_device *, caddr_t));
    int(*mdr_attach) DDI_DMA_PARAMETERS((struct mb_device *));
    int(*mdr_go) DDI_DMA_PARAMETERS((struct mb_ctlr *));
    int(*mdr_done) DDI_DMA_PARAMETERS((struct mb_ctlr *));
    int(*mdr_intr) DDI_DMA_PARAMETERS((void));
    int mdr_size;
    char *mdr_dname;
    struct mb_device **mdr_dinfo;
    char *mdr_cname;
    struct mb_ctlr **mdr_cinfo;
    short mdr_flags;
    struct mb_driver *mdr_link;
};

#undef DDI_DMA_PARAMETERS

/* mdr_flags */
#define MDR_XCLU 0x01
#define MDR_BIODMA 0x02 /* a block device that does DMA */
#define MDR_SWAB 0x04
#define MDR_OBIO 0x08
#define MDR_DMA 0x10 /* another device that does DMA */
#define MDR_PSEUDO 0x20
#define MDR_BIGSBUS 0x40
#define MDR_VME32 0x80
#define MDR_DVMA_PEEK 0x100
#define MDR_MAP_MSK 0x1C0
#define MDR_LINE_NOIOC 0x200
#define MDR_ALTSBUS 0x400

/* Flags of the allocating functions. Those that chose between the maps of a machine change nothing: there is one. */
#define MB_CANTWAIT 0x01
#define BIGSBUS_MAP MDR_BIGSBUS
#define VME32_MAP MDR_VME32
#define ALTSBUS_MAP MDR_ALTSBUS
#define DVMA_PEEK MDR_DVMA_PEEK

/* What a wait function returns that got too little space again. Everything else says that it is done. */
#define DVMA_RUNOUT (-1)

/* The address in what an allocating function returned. It is one of 32 bits: a cast to u_int gives it without a sign. */
#define MBI_ADDR(mbinfo) ((int)(mbinfo))

/*
 * Maps a buf's memory into DVMA space, in the direction that b_flags says, as one run of addresses.
 *
 * 0 where it cannot be had. Where a function is given and space was short, it is called with `arg` when some came back,
 * on a thread of the device's and as splvm() has it, for as long as it returns DVMA_RUNOUT. One function waits once with one
 * argument, however often it is given. Without a function and without MB_CANTWAIT the caller sleeps; then, too, the result
 * is 0 where the space would not do if all of it were free. ddi_dma_last_error() says why.
 */
extern int mb_mapalloc(struct map *map, struct buf *bp, int flags, func_t waitfp, caddr_t arg);

/* The same of memory that the device may both read and write. */
extern int mb_nbmapalloc(struct map *map, caddr_t addr, int bcnt, int flags, func_t waitfp, caddr_t arg);

/* Unmaps, with what the device wrote in the buf's memory, and sets *mbinfop to 0. */
extern void mb_mapfree(struct map *map, int *mbinfop);

/* The same with the map of a main bus, and without a function. */
extern int mbsetup(struct mb_hd *mh, struct buf *bp, int flags);
extern int mballoc(struct mb_hd *mh, caddr_t addr, int bcnt, int flags);
extern void mbrelse(struct mb_hd *mh, int *mbinfop);

/* The map and the main bus that drivers name. The program sets dvmamap and mb_hd.mh_map to what ddi_dma_map() gave. */
extern struct map *dvmamap;
extern struct mb_hd mb_hd;

/*
 * Says that a driver does DMA at an interrupt level. SPLMB is the highest of them, which splvm() raises the level to;
 * nothing else needs it.
 */
extern void adddma(int intlevel);
extern int SPLMB;

/*
 * Interrupt priority levels, 0 to 15. There is one lock behind all of them: a thread above level 0 has it, so that any
 * two levels from 1 on exclude each other. A function that is called to handle an interrupt raises the level first, and a
 * thread goes back to level 0 before it waits for another one.
 */
#define pritospl(pri) (pri)
#define spltopri(level) (level)

extern int splr(int level);
extern int splx(int level);
extern int splvm(void);

#define spl0() splx(0)
#define spl1() splr(1)
#define spl2() splr(2)
#define spl3() splr(3)
#define spl4() splr(4)
#define spl5() splr(5)
#define spl6() splr(6)
#define spl7() splr(7)
#define splbio() splvm()
#define splnet() splvm()
#define splimp() splvm()
#define splhigh() splr(15)

/* The names of biodone(9F) and biowait(9F). */
#define iodone(bp) biodone(bp)
#define iowait(bp) biowait(bp)

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SUNDEV_MBVAR_H */
