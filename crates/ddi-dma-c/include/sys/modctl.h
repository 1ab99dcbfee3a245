/*
 * Loadable modules (mod_install(9F)).
 *
 * A program has one module, its driver: mod_install remembers its linkage and mod_remove forgets it. Nothing is loaded,
 * and no entry point is called: that is main's part. Left out: the kinds of modules but drivers and `misc`.
 */
#ifndef DDI_DMA_SYS_MODCTL_H
#define DDI_DMA_SYS_MODCTL_H

#include <sys/dditypes.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dev_ops;
struct mod_ops;

extern struct mod_ops mod_driverops;
extern struct mod_ops mod_miscops;

struct modldrv {
    struct mod_ops *drv_modops;
    DDI_DMA_NAME *drv_linkinfo;
    struct dev_ops *drv_dev_ops;
};

struct modlmisc {
    struct mod_ops *misc_modops;
    DDI_DMA_NAME *misc_linkinfo;
};

#define MODREV_1 1

struct modlinkage {
    int ml_rev;
    /* Ends with NULL. */
    void *ml_linkage[7];
};

#define MODMAXNAMELEN 32
#define MODMAXLINKINFOLEN 32
#define MODMAXLINK 10

struct modspecific_info {
    char msi_linkinfo[MODMAXLINKINFOLEN];
    int msi_p0;
};

struct modinfo {
    int mi_info;
    int mi_state;
    int mi_id;
    int mi_nextid;
    caddr_t mi_base;
    size_t mi_size;
    int mi_rev;
    int mi_loadcnt;
    char mi_name[MODMAXNAMELEN];
    struct modspecific_info mi_msinfo[MODMAXLINK];
};

/* 0; EINVAL for a linkage that is not of MODREV_1 or names nothing; EBUSY where one is installed. */
extern int mod_install(struct modlinkage *modlinkage);
/* 0; EINVAL where it is not the one that is installed. */
extern int mod_remove(struct modlinkage *modlinkage);
/* Non-zero, with the revision and the linkinfo of each part in *modinfo; 0 where it cannot. */
extern int mod_info(struct modlinkage *modlinkage, struct modinfo *modinfo);

/*
 * What a module defines, and main calls. A program of this system has an _init and a _fini of its own, which are not
 * for it to define, so a module's get other names in the object file; both its source and main include this header.
 */
#define _init ddi_dma_module_init
#define _fini ddi_dma_module_fini
#define _info ddi_dma_module_info

extern int _init(void);
extern int _fini(void);
extern int _info(struct modinfo *modinfop);

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_MODCTL_H */
