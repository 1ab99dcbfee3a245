/*
 * The block driver's read(9E) and write(9E): physio(9F) cuts what a program asks for, and the driver moves it.
 */

#include <sys/uio.h>
#include <sys/cred.h>

#include "driver_common.h"

/* More than physio takes at once. */
#define LENGTH (512 * 300)

static int
raw(dev_info_t *dip, caddr_t memory, size_t length, offset_t offset, int way, ssize_t *resid)
{
    struct cb_ops *ops = xx_dev_ops.devo_cb_ops;
    struct iovec iov[2] = { { memory, 1024 }, { memory + 1024, length - 1024 } };
    dev_t dev = makedevice(0, (minor_t)ddi_get_instance(dip));
    struct uio uio;
    int error;

    (void) memset(&uio, 0, sizeof (uio));
    uio.uio_iov = iov;
    uio.uio_iovcnt = 2;
    uio.uio_loffset = offset;
    uio.uio_segflg = UIO_USERSPACE;
    uio.uio_resid = (ssize_t)length;
    error = (way == B_READ) ? ops->cb_read(dev, &uio, NULL) : ops->cb_write(dev, &uio, NULL);
    *resid = uio.uio_resid;
    return (error);
}

int
main(void)
{
    dev_info_t *dip;
    caddr_t memory;
    ssize_t resid;

    XX_CHECK(_init() == 0);
    dip = driver_attach("sim:isa-disk", &isa_disk);
    memory = malloc(LENGTH);
    XX_CHECK(memory != NULL);
    xx_fill(memory, LENGTH, 8);
    XX_CHECK(raw(dip, memory, LENGTH, 512 * 20, B_WRITE, &resid) == 0 && resid == 0);
    XX_CHECK(xx_on_disk(dip, 20, LENGTH, 8));
    (void) memset(memory, 0, LENGTH);
    XX_CHECK(raw(dip, memory, LENGTH, 512 * 20, B_READ, &resid) == 0 && resid == 0);
    XX_CHECK(xx_filled(memory, LENGTH, 8));
    XX_CHECK(raw(dip, memory, LENGTH, (offset_t)1 << 40, B_READ, &resid) == EIO && resid == LENGTH);
    free(memory);
    driver_detach(dip);
    XX_CHECK(_fini() == 0);
    (void) printf("%d bytes written and read back raw\n", LENGTH);
    return (0);
}
